data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account = data.aws_caller_identity.this.account_id
  # In dev and staging every name contains the environment, so that three environments fit in one account.
  prefix = var.environment == "prod" ? var.project_name : "${var.project_name}-${var.environment}"

  names = {
    stats   = "${local.prefix}-monthly-stats-notification"
    cleanup = "${local.prefix}-playback-data-cleanup"
    discord = "${local.prefix}-discord-notification"
  }
  topic_name           = "${local.prefix}-lambda-notifications"
  operators_topic_name = "${local.prefix}-operators"
  secret_name          = coalesce(var.secret_name, var.environment == "prod" ? "MERN_JOYTIFY_ENVS" : "MERN_JOYTIFY_ENVS_${upper(var.environment)}")

  # Built from names, since the functions, their roles and the topics refer to one another before they exist.
  function_arns       = { for key, name in local.names : key => "arn:${data.aws_partition.this.partition}:lambda:${var.region}:${local.account}:function:${name}" }
  topic_arn           = "arn:${data.aws_partition.this.partition}:sns:${var.region}:${local.account}:${local.topic_name}"
  operators_topic_arn = "arn:${data.aws_partition.this.partition}:sns:${var.region}:${local.account}:${local.operators_topic_name}"

  # Console host in the partitions aws, aws-us-gov and aws-cn.
  console = lookup({
    aws-us-gov = "console.amazonaws-us-gov.com"
    aws-cn     = "console.amazonaws.cn"
  }, data.aws_partition.this.partition, "${var.region}.console.aws.amazon.com")

  registry = coalesce(var.image_registry, "${local.account}.dkr.ecr.${var.region}.${data.aws_partition.this.dns_suffix}")

  # Topics that each function's alarms notify. The discord function cannot report its own failure, so its alarms also go to the email topic, if there is one.
  alarm_topics = {
    stats   = [aws_sns_topic.notifications.arn]
    cleanup = [aws_sns_topic.notifications.arn]
    discord = concat([aws_sns_topic.notifications.arn], aws_sns_topic.operators[*].arn)
  }
}
