# The alarms of each function are in modules/function.

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = local.queues

  alarm_name          = "${local.prefix}-${each.key}"
  alarm_description   = "${each.value} Then empty the queue ${local.prefix}-${each.key}."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.this[each.key].name }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = startswith(each.key, "discord-") ? local.alarm_topics.discord : local.alarm_topics.stats
  ok_actions          = startswith(each.key, "discord-") ? local.alarm_topics.discord : local.alarm_topics.stats
}

locals {
  # Number of days without a success after which the alarm is raised: one more than the longest interval between two scheduled runs.
  longest_silence_days = { stats = 32, cleanup = 8 }
}

# CloudWatch looks back at most one week, so a rule invokes each job every 6 hours (a heartbeat), and the job reports the days since its last success. Without
# heartbeats the metric is missing, which is treated as breaching. The period of 12 hours contains two heartbeats, so a heartbeat that is a minute late raises no alarm. CloudWatch also considers earlier periods, and treats data as missing only if all of
# them are empty, so missing heartbeats raise the alarm after 36 to 48 hours rather than 12.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
resource "aws_cloudwatch_metric_alarm" "silence" {
  for_each = local.longest_silence_days

  alarm_name          = "${local.names[each.key]}-silence"
  alarm_description   = "No run of ${local.names[each.key]} has succeeded for ${each.value} days, or its heartbeat is missing. Check whether its schedule is enabled, and read its log; then invoke it by hand, which ends the alarm."
  namespace           = "Joytify"
  metric_name         = "DaysSinceSuccess"
  dimensions          = { service = local.names[each.key] }
  statistic           = "Minimum"
  period              = 43200
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value
  treat_missing_data  = "breaching"
  actions_enabled     = var.enable_schedules
  alarm_actions       = local.alarm_topics[each.key]
  ok_actions          = local.alarm_topics[each.key]
}

# The topic itself may be broken, so this alarm also goes to alarm_email.
resource "aws_cloudwatch_metric_alarm" "report_lost" {
  for_each = toset(["stats", "cleanup"])

  alarm_name          = "${local.names[each.key]}-report-lost"
  alarm_description   = "A run of ${local.names[each.key]} could not publish its report, so Discord does not show the run. The report is in its log; check whether the topic exists and the function may publish to it."
  namespace           = "Joytify"
  metric_name         = "ReportsLost"
  dimensions          = { service = local.names[each.key] }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_topics.discord
  ok_actions          = local.alarm_topics.discord
}

resource "aws_cloudwatch_metric_alarm" "storage" {
  alarm_name          = "${local.prefix}-storage"
  alarm_description   = "MongoDB uses more than ${var.storage_alert_percent} % of its ${var.storage_limit_mb} MB; at 100 % it rejects writes. Shorten cleanup_days, run cleanup, or move to a larger cluster and raise storage_limit_mb."
  namespace           = "Joytify"
  metric_name         = "StoragePercent"
  dimensions          = { service = local.names.cleanup }
  statistic           = "Maximum"
  period              = 86400
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.storage_alert_percent
  # Measured only at each cleanup: between two runs, keep the last state.
  treat_missing_data = "ignore"
  alarm_actions      = local.alarm_topics.cleanup
  ok_actions         = local.alarm_topics.cleanup
}
