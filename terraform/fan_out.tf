# Cleanup divided among workers: the definition is fan_out.asl.json, docs/scale.md says when to enable it.

locals {
  fan_out_name = "${local.prefix}-cleanup-fan-out"
  fan_out_arn  = "arn:${data.aws_partition.this.partition}:states:${var.region}:${local.account}:stateMachine:${local.fan_out_name}"

  fan_out_alarms = {
    failed    = { metric = "ExecutionsFailed", description = "An execution of ${local.fan_out_name} failed: all attempts of a step failed. Check the execution and the log of ${local.names.cleanup}, then start a new execution with the same input. The execution shows the input; the queue ${local.prefix}-cleanup-failed also holds it, unless the state machine failed to send it." }
    timed-out = { metric = "ExecutionsTimedOut", description = "An execution of ${local.fan_out_name} took more than a day and was stopped. Find the slow part in the log of ${local.names.cleanup}; start a new execution, which continues with the remaining documents." }
    aborted   = { metric = "ExecutionsAborted", description = "Somebody stopped an execution of ${local.fan_out_name}. The documents that its workers deleted are not restored; start a new execution for the remaining documents." }
    throttled = { metric = "ExecutionThrottled", description = "Workers of ${local.fan_out_name} waited because of the account's quota of state transitions. Lower fan_out_workers, or request a higher quota." }
  }

  # Workers are child executions of the map, whose metrics carry the map's label:
  # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
  fan_out_label = "spans"
}

resource "aws_sfn_state_machine" "fan_out" {
  # checkov:skip=CKV_AWS_284:the execution history contains the information of a trace
  count = var.enable_fan_out ? 1 : 0

  name     = local.fan_out_name
  role_arn = aws_iam_role.fan_out[0].arn
  # An Express workflow cannot run long enough.
  type = "STANDARD"

  definition = templatefile("${path.module}/fan_out.asl.json", {
    partition   = data.aws_partition.this.partition
    cleanup_arn = local.function_arns.cleanup
    queue_url   = aws_sqs_queue.this["cleanup-failed"].url
    label       = local.fan_out_label
    workers     = tostring(var.fan_out_workers)
    retry       = file("${path.module}/fan_out_retry.json")
  })

  logging_configuration {
    level = "ERROR"
    # Input and output of each step, which contain no secrets.
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.fan_out[0].arn}:*"
  }

  # An execution that starts before its role has permissions would fail.
  depends_on = [aws_iam_role_policy.fan_out]
}

# Log groups with this prefix need no entry in the account's CloudWatch Logs resource policy, whose size is limited.
# https://docs.aws.amazon.com/step-functions/latest/dg/bp-cwl.html
resource "aws_cloudwatch_log_group" "fan_out" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts it, and no secret is logged
  # checkov:skip=CKV_AWS_338:a variable sets the retention
  count = var.enable_fan_out ? 1 : 0

  name              = "/aws/vendedlogs/states/${local.fan_out_name}"
  retention_in_days = var.cloudwatch_log_retention_days
}

data "aws_iam_policy_document" "fan_out_trust" {
  statement {
    sid     = "StepFunctionsMayAssume"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }

    # https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.fan_out_arn}*"]
    }
  }
}

data "aws_iam_policy_document" "fan_out" {
  # checkov:skip=CKV_AWS_111:log delivery actions do not support resource-level permissions
  # checkov:skip=CKV_AWS_356:log delivery actions do not support resource-level permissions

  statement {
    sid       = "PlanWorkAndReport"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.function_arns.cleanup]
  }

  statement {
    sid       = "KeepFailedInput"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.this["cleanup-failed"].arn]
  }

  # A distributed map starts its workers as executions of the state machine itself.
  # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
  statement {
    sid       = "StartWorkers"
    actions   = ["states:StartExecution"]
    resources = [local.fan_out_arn]
  }

  statement {
    sid       = "FollowWorkers"
    actions   = ["states:DescribeExecution", "states:StopExecution", "states:RedriveExecution"]
    resources = [for separator in ["/", ":"] : "${replace(local.fan_out_arn, ":stateMachine:", ":execution:")}${separator}*"]
  }

  # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
  statement {
    sid = "DeliverLog"
    actions = [
      "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
      "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "fan_out" {
  count = var.enable_fan_out ? 1 : 0

  name                 = local.fan_out_name
  description          = "Permissions of ${local.fan_out_name}"
  assume_role_policy   = data.aws_iam_policy_document.fan_out_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "fan_out" {
  # checkov:skip=CKV_AWS_355:log delivery actions do not support resource-level permissions
  # checkov:skip=CKV_AWS_290:log delivery actions do not support resource-level permissions
  count = var.enable_fan_out ? 1 : 0

  name   = "own-actions"
  role   = aws_iam_role.fan_out[0].id
  policy = data.aws_iam_policy_document.fan_out.json
}

resource "aws_cloudwatch_metric_alarm" "fan_out" {
  for_each = { for kind, alarm in local.fan_out_alarms : kind => alarm if var.enable_fan_out }

  alarm_name          = "${local.fan_out_name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/States"
  metric_name         = each.value.metric
  dimensions          = { StateMachineArn = each.key == "throttled" ? "${local.fan_out_arn}/${local.fan_out_label}" : local.fan_out_arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_topics.cleanup
  ok_actions          = local.alarm_topics.cleanup
}

# The weekly rule starts the state machine with a separate role.
data "aws_iam_policy_document" "start_fan_out_trust" {
  statement {
    sid     = "SchedulesMayAssume"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "start_fan_out" {
  statement {
    sid       = "StartStateMachine"
    actions   = ["states:StartExecution"]
    resources = [local.fan_out_arn]
  }
}

resource "aws_iam_role" "start_fan_out" {
  count = var.enable_fan_out ? 1 : 0

  name                 = "${local.prefix}-start-cleanup-fan-out"
  description          = "Lets the schedule start ${local.fan_out_name}"
  assume_role_policy   = data.aws_iam_policy_document.start_fan_out_trust.json
  permissions_boundary = var.permissions_boundary_arn
}

resource "aws_iam_role_policy" "start_fan_out" {
  count = var.enable_fan_out ? 1 : 0

  name   = "own-actions"
  role   = aws_iam_role.start_fan_out[0].id
  policy = data.aws_iam_policy_document.start_fan_out.json
}
