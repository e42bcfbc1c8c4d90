locals {
  alarm_period_seconds = 300
  # Lambda stamps a metric with the start of the invocation, so that the metrics of a long run arrive after their period
  # has ended. An alarm therefore evaluates as many periods as the timeout covers, and one more.
  alarm_periods = ceil(var.timeout / local.alarm_period_seconds) + 1

  duration_alarm_seconds = coalesce(var.duration_alarm_seconds, var.timeout * 0.9)

  alarms = {
    errors = {
      metric      = "Errors"
      statistic   = "Sum"
      threshold   = 1
      description = "A run of ${var.name} failed. Read its log in /aws/lambda/${var.name}; Lambda tries an asynchronous event two more times; if all attempts fail, it sends the event to the failure queue."
    }
    throttles = {
      metric      = "Throttles"
      statistic   = "Sum"
      threshold   = var.throttles_threshold
      description = "Invocations of ${var.name} were throttled because too many runs were active. Check whether a run hangs, and the account's concurrency limit."
    }
    duration = {
      metric      = "Duration"
      statistic   = "Maximum"
      threshold   = 1000 * local.duration_alarm_seconds
      description = "A run of ${var.name} took more than ${local.duration_alarm_seconds} s of its timeout of ${var.timeout} s. Find the slow part in its log; a larger memory_size also gives it more CPU."
    }
    dropped = {
      metric      = "AsyncEventsDropped"
      statistic   = "Sum"
      threshold   = 1
      description = "Lambda dropped an event for ${var.name}, because all attempts failed or the event became too old. Invoke the function by hand with the event that the failure queue holds."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/Lambda"
  metric_name         = each.value.metric
  dimensions          = { FunctionName = aws_lambda_function.this.function_name }
  statistic           = each.value.statistic
  period              = local.alarm_period_seconds
  evaluation_periods  = local.alarm_periods
  datapoints_to_alarm = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = var.alarm_actions
}
