mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  image_digests = {
    stats   = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    cleanup = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
    discord = "sha256:3333333333333333333333333333333333333333333333333333333333333333"
  }
}

run "by_default" {
  command = plan

  assert {
    condition     = output.images.stats == "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/joytify/stats@sha256:1111111111111111111111111111111111111111111111111111111111111111"
    error_message = "Images come from this account's ECR, by digest: ${output.images.stats}."
  }

  assert {
    condition     = output.state_machine_arn == null && keys(local.rules.weekly-cleanup.targets) == ["cleanup"] && local.functions.cleanup.concurrency == 1
    error_message = "By default, the rule invokes cleanup itself."
  }

  assert {
    condition     = lookup(local.functions.stats.environment, "CLEANUP_STATE_MACHINE_ARN", null) == null
    error_message = "By default, stats must invoke the cleanup function, not a state machine."
  }

  assert {
    # Ten of twenty messages are throttled, with five attempts each.
    condition     = local.functions.discord.throttles > 50
    error_message = "discord's threshold must be above 50, the maximum number of throttled calls that a new account's first alarm states cause."
  }

  assert {
    condition     = alltrue([for rule in aws_cloudwatch_event_rule.this : rule.state == "ENABLED"])
    error_message = "The state of every rule must be set to ENABLED."
  }

  assert {
    condition = { for job, alarm in aws_cloudwatch_metric_alarm.silence : job => [alarm.threshold, alarm.treat_missing_data, one(values(alarm.dimensions))] } == {
      stats   = [32, "breaching", "joytify-monthly-stats-notification"]
      cleanup = [8, "breaching", "joytify-playback-data-cleanup"]
    }
    error_message = "The alarm is raised after 32 or 8 days without a success, and if the metric is missing."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.silence : alarm.period * alarm.evaluation_periods <= 604800])
    error_message = "An alarm of CloudWatch can look back a week at most."
  }

  assert {
    condition     = output.archive_bucket == null && local.functions.cleanup.environment.CLEANUP_ARCHIVE_BUCKET == ""
    error_message = "Without enable_archive there is no bucket, and cleanup's setting is empty."
  }

  assert {
    condition     = local.functions.stats.concurrency == 1 && local.functions.cleanup.concurrency == 1 && local.functions.discord.concurrency == -1
    error_message = "One run of stats and of cleanup at a time; discord has no limit."
  }
}

run "images_may_come_from_another_account" {
  command = plan

  variables {
    image_registry = "210987654321.dkr.ecr.ap-northeast-1.amazonaws.com/shared"
  }

  assert {
    condition     = startswith(output.images.discord, "210987654321.dkr.ecr.ap-northeast-1.amazonaws.com/shared/joytify/discord@sha256:33")
    error_message = "image_registry says where the images come from: ${output.images.discord}."
  }
}

run "images_may_come_from_this_machine" {
  command = plan

  variables {
    image_registry = "localhost:5000"
  }

  assert {
    condition     = startswith(output.images.discord, "localhost:5000/joytify/discord@sha256:33")
    error_message = "The emulator pulls from a registry on loopback: ${output.images.discord}."
  }
}

run "a_run_that_stops_at_its_deadline_raises_no_alarm" {
  command = plan

  variables {
    monthly_stats_timeout_seconds = 900
  }

  assert {
    condition     = alltrue([for function, stops in { stats = 860, cleanup = 840 } : local.duration_alarm_seconds[function] > stops && local.duration_alarm_seconds[function] < 900])
    error_message = "The duration alarm's threshold is between the time at which a job stops by itself and its timeout: ${jsonencode(local.duration_alarm_seconds)}."
  }
}

run "a_divided_cleanup_is_started_by_the_rule_and_by_stats" {
  command = plan

  variables {
    enable_fan_out  = true
    fan_out_workers = 20
    environment     = "dev"
  }

  assert {
    condition     = keys(local.rules.weekly-cleanup.targets) == ["fan-out"] && local.functions.stats.environment.CLEANUP_STATE_MACHINE_ARN == "arn:aws:states:ap-northeast-1:123456789012:stateMachine:joytify-dev-cleanup-fan-out"
    error_message = "The weekly rule and stats start the state machine."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.fan_out["throttled"].dimensions.StateMachineArn == "${local.fan_out_arn}/spans"
    error_message = "The alarm on throttling watches the workers, which are executions of the map."
  }

  assert {
    condition     = local.functions.cleanup.concurrency == 21
    error_message = "The reserved concurrency is the number of workers plus one: ${local.functions.cleanup.concurrency}."
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.stats.statement : !contains(statement.resources, local.function_arns.cleanup)])
    error_message = "stats may start the state machine and not invoke cleanup."
  }
}

run "an_existing_secret_is_used" {
  command = plan

  variables {
    create_secret      = false
    secret_name        = "ours"
    secret_kms_key_arn = "arn:aws:kms:ap-northeast-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition     = length(aws_secretsmanager_secret.this) == 0 && local.functions.stats.environment.SECRET_ID == "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:ours-AbCdEf"
    error_message = "With create_secret = false, the secret with the name secret_name is looked up."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.secret.statement : one(statement.resources) if statement.sid == "DecryptSecret"] == [var.secret_kms_key_arn]
    error_message = "The functions may decrypt a secret that has its own key."
  }
}

run "optional_features_and_settings" {
  command = plan

  variables {
    allow_eventbridge_publish      = true
    enable_test_schedule           = true
    enable_archive                 = true
    archive_versioning             = true
    cleanup_days                   = 90
    db_name                        = "other"
    storage_limit_mb               = 10240
    backend_push_size              = 500
    log_level                      = "DEBUG"
    read_preference                = "secondary"
    cleanup_batch_size             = 500
    cleanup_deletion_limit_percent = 50
  }

  assert {
    condition     = alltrue([for policy in [data.aws_iam_policy_document.notifications, data.aws_iam_policy_document.key] : contains([for statement in policy.statement : statement.sid], "EventsMayPublish")])
    error_message = "With allow_eventbridge_publish, both the topic and its key allow EventBridge."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_target.this["monthly-stats-stats"].input).scheduleMode == "production"
    error_message = "The monthly rule is for production."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_target.this["weekly-cleanup-cleanup"].input).scheduleMode == "production"
    error_message = "The weekly rule is for production."
  }

  assert {
    condition     = jsondecode(aws_cloudwatch_event_target.this["test-stats-stats"].input).scheduleMode == "test_auto" && output.rules["joytify-test-stats"] == "rate(5 minutes)"
    error_message = "The test rule is for test_auto and fires every five minutes."
  }

  assert {
    condition     = local.functions.cleanup.environment.CLEANUP_ARCHIVE_BUCKET == "joytify-archive-123456789012"
    error_message = "Cleanup's settings contain the archive's bucket."
  }

  assert {
    condition     = aws_s3_bucket_versioning.archive[0].versioning_configuration[0].status == "Enabled"
    error_message = "The archive is versioned if its variable says so."
  }

  assert {
    condition = alltrue([for name, value in {
      CLEANUP_DAYS = "90", DB_NAME = "other", STORAGE_LIMIT_MB = "10240", LOG_LEVEL = "DEBUG", CLEANUP_BATCH_SIZE = "500", CLEANUP_DELETION_LIMIT_PERCENT = "50"
    } : local.functions.cleanup.environment[name] == value])
    error_message = "Cleanup's settings have the values of the variables."
  }

  assert {
    condition     = local.functions.stats.environment.BACKEND_PUSH_SIZE == "500" && local.functions.stats.environment.READ_PREFERENCE == "secondary"
    error_message = "The settings of stats have the values of the variables."
  }
}

run "schedules_may_be_off" {
  command = plan

  variables {
    enable_schedules = false
  }

  assert {
    condition = alltrue([for name in ["monthly-stats", "weekly-cleanup"] :
      aws_cloudwatch_event_rule.this[name].state == "DISABLED" && endswith(aws_cloudwatch_event_rule.this[name].description, "disabled by enable_schedules = false")
    ]) && aws_cloudwatch_event_rule.this["heartbeat"].state == "ENABLED"
    error_message = "Both jobs' rules are disabled and their descriptions say why; the heartbeat's rule is enabled."
  }
}

run "an_account_that_cannot_reserve_concurrency" {
  command = plan

  variables {
    reserved_concurrency = -1
  }

  assert {
    condition     = local.functions.cleanup.concurrency == -1
    error_message = "reserved_concurrency = -1 sets no limit."
  }
}

run "alarms_and_encryption" {
  command = apply

  variables {
    alarm_email = "operators@example.org"
  }

  assert {
    condition = alltrue([for alarm in concat(
      values(aws_cloudwatch_metric_alarm.queue),
      values(aws_cloudwatch_metric_alarm.silence),
      values(aws_cloudwatch_metric_alarm.report_lost),
      [aws_cloudwatch_metric_alarm.storage],
    ) : length(alarm.alarm_actions) > 0 && alarm.alarm_actions == alarm.ok_actions && length(alarm.alarm_description) > 60])
    error_message = "Every alarm has actions for its beginning and its end, and a description."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.operators) == 1 && aws_sns_topic_subscription.operators[0].endpoint == "operators@example.org"
    error_message = "The second topic notifies by email."
  }

  assert {
    condition     = length(local.alarm_topics.discord) == 2 && length(local.alarm_topics.stats) == 1
    error_message = "The discord function's own alarms also notify the second topic."
  }

  assert {
    condition     = aws_sns_topic.notifications.kms_master_key_id == aws_kms_key.this.arn && alltrue([for queue in aws_sqs_queue.this : queue.sqs_managed_sse_enabled])
    error_message = "The topic is encrypted with our own key, the queues by SQS."
  }

  assert {
    condition     = [for statement in concat(data.aws_iam_policy_document.topic["notifications"].statement, data.aws_iam_policy_document.notifications.statement) : statement.sid if statement.effect != "Deny" && !anytrue([for condition in statement.condition : contains(["aws:PrincipalArn", "aws:SourceAccount"], condition.variable)])] == []
    error_message = "Only the functions and the alarms of this account may publish."
  }
}
