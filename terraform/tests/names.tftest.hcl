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

run "names_of_the_previous_system" {
  command = plan

  assert {
    condition = output.functions == {
      stats   = "joytify-monthly-stats-notification"
      cleanup = "joytify-playback-data-cleanup"
      discord = "joytify-discord-notification"
    }
    error_message = "The functions' names are those of the previous system: ${jsonencode(output.functions)}."
  }

  assert {
    condition = jsonencode(output.rules) == jsonencode({
      "joytify-heartbeat"      = "rate(6 hours)"
      "joytify-monthly-stats"  = "cron(0 2 1 * ? *)"
      "joytify-weekly-cleanup" = "cron(0 4 ? * MON *)"
    })
    error_message = "The rules and their schedules are those of the previous system, and the heartbeat: ${jsonencode(output.rules)}."
  }

  assert {
    condition     = aws_sns_topic.notifications.name == "joytify-lambda-notifications"
    error_message = "The topic's name is that of the previous system."
  }

  assert {
    condition     = output.secret_name == "MERN_JOYTIFY_ENVS" && aws_secretsmanager_secret.this[0].name == "MERN_JOYTIFY_ENVS"
    error_message = "The secret's name is that of the previous system."
  }
}

run "three_environments_fit_one_account" {
  command = plan

  variables {
    environment          = "dev"
    enable_archive       = true
    enable_test_schedule = true
    alarm_email          = "operators@example.org"
  }

  assert {
    condition = alltrue([for name in concat(
      values(output.functions),
      keys(output.rules),
      values(output.log_groups),
      [for queue in aws_sqs_queue.this : queue.name],
      [for alarm in aws_cloudwatch_metric_alarm.queue : alarm.alarm_name],
      [for alarm in aws_cloudwatch_metric_alarm.silence : alarm.alarm_name],
      [for alarm in aws_cloudwatch_metric_alarm.report_lost : alarm.alarm_name],
      flatten([for function in module.function : values(function.alarms)]),
      [
        aws_cloudwatch_metric_alarm.storage.alarm_name,
        aws_cloudwatch_dashboard.this.dashboard_name,
        aws_dynamodb_table.memory.name,
        aws_kms_alias.this.name,
        aws_s3_bucket.archive[0].bucket,
        aws_sns_topic.notifications.name,
        aws_sns_topic.operators[0].name,
      ],
    ) : strcontains(name, "joytify-dev-")])
    error_message = "In dev, every name contains the environment."
  }

  assert {
    condition     = output.secret_name == "MERN_JOYTIFY_ENVS_DEV"
    error_message = "In dev, the secret's name contains the environment."
  }
}

run "names_begin_with_the_project" {
  command = plan

  variables {
    project_name = "other"
    environment  = "staging"
  }

  assert {
    condition     = alltrue([for name in values(output.functions) : startswith(name, "other-staging-")])
    error_message = "Names begin with project_name."
  }
}
