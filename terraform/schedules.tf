locals {
  # Rules for both modes, production and test_auto (with enable_test_schedule), exist side by side: at run time the secret's SCHEDULE_MODE sets the active mode, and runs for the
  # other mode return that they were skipped.
  rules = merge(
    {
      monthly-stats = {
        schedule    = var.monthly_stats_schedule
        enabled     = var.enable_schedules
        description = "Notifies the users once a month"
        targets     = { stats = { scheduleMode = "production", triggeredBy = "${local.prefix}-monthly-stats" } }
      }
      weekly-cleanup = {
        schedule    = var.weekly_cleanup_schedule
        enabled     = var.enable_schedules
        description = "Cleans up once a week"
        targets     = { (var.enable_fan_out ? "fan-out" : "cleanup") = { scheduleMode = "production", triggeredBy = "${local.prefix}-weekly-cleanup" } }
      }
      heartbeat = {
        schedule    = "rate(6 hours)"
        enabled     = true
        description = "Makes the jobs report, as a metric, the time since their last success"
        targets     = { stats = { heartbeat = true }, cleanup = { heartbeat = true } }
      }
    },
    var.enable_test_schedule ? {
      test-stats = {
        schedule    = var.test_schedule_expression
        enabled     = true
        description = "Runs the month end on the test collections while SCHEDULE_MODE is test_auto"
        targets     = { stats = { scheduleMode = "test_auto", triggeredBy = "${local.prefix}-test-stats" } }
      }
    } : {},
  )

  rule_targets = merge([
    for rule, spec in local.rules : { for function, event in spec.targets : "${rule}-${function}" => { rule = rule, function = function, event = event } }
  ]...)
}

resource "aws_cloudwatch_event_rule" "this" {
  for_each = local.rules

  name                = "${local.prefix}-${each.key}"
  description         = each.value.enabled ? each.value.description : "${each.value.description}; disabled by enable_schedules = false"
  schedule_expression = each.value.schedule
  # Set explicitly; otherwise a rule that somebody disabled by hand would stay disabled.
  state = each.value.enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "this" {
  for_each = local.rule_targets

  rule      = aws_cloudwatch_event_rule.this[each.value.rule].name
  target_id = each.value.function
  arn       = each.value.function == "fan-out" ? aws_sfn_state_machine.fan_out[0].arn : module.function[each.value.function].arn
  role_arn  = each.value.function == "fan-out" ? aws_iam_role.start_fan_out[0].arn : null
  input     = jsonencode(each.value.event)

  dead_letter_config {
    arn = aws_sqs_queue.this["schedules-missed"].arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 21600
    maximum_retry_attempts       = 185
  }
}

resource "aws_lambda_permission" "schedule" {
  for_each = { for key, target in local.rule_targets : key => target if target.function != "fan-out" }

  statement_id  = "${each.value.rule}-may-invoke"
  action        = "lambda:InvokeFunction"
  function_name = module.function[each.value.function].name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this[each.value.rule].arn
}
