# One run for each value out of range; tests/terraform checks that no variable is forgotten.

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

run "environment" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}

run "region" {
  command = plan

  variables {
    region = "Tokyo"
  }

  expect_failures = [var.region]
}

run "project_name" {
  command = plan

  variables {
    project_name = "Joytify!"
  }

  expect_failures = [var.project_name]
}

run "image_digests" {
  command = plan

  variables {
    image_digests = { stats = "latest", cleanup = "latest", discord = "latest" }
  }

  expect_failures = [var.image_digests]
}

run "image_registry" {
  command = plan

  variables {
    image_registry = "https://123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/"
  }

  expect_failures = [var.image_registry]
}

run "image_registry_of_another_kind" {
  command = plan

  variables {
    image_registry = "ghcr.io/somebody"
  }

  expect_failures = [var.image_registry]
}

run "image_registry_of_another_region" {
  command = plan

  variables {
    image_registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
  }

  expect_failures = [var.image_registry]
}

run "architecture" {
  command = plan

  variables {
    architecture = "x86"
  }

  expect_failures = [var.architecture]
}

run "lambda_memory_size" {
  command = plan

  variables {
    lambda_memory_size = 64
  }

  expect_failures = [var.lambda_memory_size]
}

run "lambda_memory_size_2" {
  command = plan

  variables {
    lambda_memory_size = 10241
  }

  expect_failures = [var.lambda_memory_size]
}

run "lambda_memory_size_3" {
  command = plan

  variables {
    lambda_memory_size = 1024.5
  }

  expect_failures = [var.lambda_memory_size]
}

run "monthly_stats_timeout_seconds" {
  command = plan

  variables {
    monthly_stats_timeout_seconds = 901
  }

  expect_failures = [var.monthly_stats_timeout_seconds]
}

run "monthly_stats_timeout_seconds_2" {
  command = plan

  variables {
    monthly_stats_timeout_seconds = 0
  }

  expect_failures = [var.monthly_stats_timeout_seconds]
}

run "playback_cleanup_timeout_seconds" {
  command = plan

  variables {
    playback_cleanup_timeout_seconds = 901
  }

  expect_failures = [var.playback_cleanup_timeout_seconds]
}

run "playback_cleanup_timeout_seconds_2" {
  command = plan

  variables {
    playback_cleanup_timeout_seconds = 10
  }

  expect_failures = [var.playback_cleanup_timeout_seconds]
}

run "reserved_concurrency" {
  command = plan

  variables {
    reserved_concurrency = 2
  }

  expect_failures = [var.reserved_concurrency]
}

run "fan_out_max_concurrency" {
  command = plan

  variables {
    fan_out_max_concurrency = 0
  }

  expect_failures = [var.fan_out_max_concurrency]
}

run "fan_out_max_concurrency_2" {
  command = plan

  variables {
    fan_out_max_concurrency = 1001
  }

  expect_failures = [var.fan_out_max_concurrency]
}

run "fan_out_max_concurrency_3" {
  command = plan

  variables {
    fan_out_max_concurrency = 2.5
  }

  expect_failures = [var.fan_out_max_concurrency]
}

run "fan_out_server_capacity" {
  command = plan

  variables {
    fan_out_server_capacity = 0
  }

  expect_failures = [var.fan_out_server_capacity]
}

run "fan_out_server_capacity_2" {
  command = plan

  variables {
    fan_out_server_capacity = 1001
  }

  expect_failures = [var.fan_out_server_capacity]
}

run "fan_out_server_capacity_3" {
  command = plan

  variables {
    fan_out_server_capacity = 2.5
  }

  expect_failures = [var.fan_out_server_capacity]
}

run "cloudwatch_log_retention_days" {
  command = plan

  variables {
    cloudwatch_log_retention_days = 31
  }

  expect_failures = [var.cloudwatch_log_retention_days]
}

run "cloudwatch_log_retention_days_2" {
  command = plan

  variables {
    cloudwatch_log_retention_days = 400
  }

  expect_failures = [var.cloudwatch_log_retention_days]
}

run "alarm_email" {
  command = plan

  variables {
    alarm_email = "not an address"
  }

  expect_failures = [var.alarm_email]
}

run "test_schedule_expression" {
  command = plan

  variables {
    test_schedule_expression = "every five minutes"
  }

  expect_failures = [var.test_schedule_expression]
}

run "secret_name" {
  command = plan

  variables {
    secret_name = "with space"
  }

  expect_failures = [var.secret_name]
}

run "secret_kms_key_arn" {
  command = plan

  variables {
    secret_kms_key_arn = "alias/ours"
  }

  expect_failures = [var.secret_kms_key_arn]
}

run "a_secret_made_here_has_no_key_of_its_own" {
  command = plan

  variables {
    secret_kms_key_arn = "arn:aws:kms:ap-northeast-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  expect_failures = [var.secret_kms_key_arn]
}

run "archive_cold_after_days" {
  command = plan

  variables {
    archive_cold_after_days = -1
  }

  expect_failures = [var.archive_cold_after_days]
}

run "archive_expire_after_days" {
  command = plan

  variables {
    archive_expire_after_days = 0
  }

  expect_failures = [var.archive_expire_after_days]
}

run "db_name" {
  command = plan

  variables {
    db_name = "a.b"
  }

  expect_failures = [var.db_name]
}

run "log_level" {
  command = plan

  variables {
    log_level = "info"
  }

  expect_failures = [var.log_level]
}

run "backend_chunk_size" {
  command = plan

  variables {
    backend_chunk_size = 3501
  }

  expect_failures = [var.backend_chunk_size]
}

run "read_preference" {
  command = plan

  variables {
    read_preference = "anywhere"
  }

  expect_failures = [var.read_preference]
}

run "cleanup_days" {
  command = plan

  variables {
    cleanup_days = 0
  }

  expect_failures = [var.cleanup_days]
}

run "cleanup_days_2" {
  command = plan

  variables {
    cleanup_days = 3651
  }

  expect_failures = [var.cleanup_days]
}

run "cleanup_batch_size" {
  command = plan

  variables {
    cleanup_batch_size = 0
  }

  expect_failures = [var.cleanup_batch_size]
}

run "cleanup_batch_size_2" {
  command = plan

  variables {
    cleanup_batch_size = 100001
  }

  expect_failures = [var.cleanup_batch_size]
}

run "cleanup_batch_delay_ms" {
  command = plan

  variables {
    cleanup_batch_delay_ms = -1
  }

  expect_failures = [var.cleanup_batch_delay_ms]
}

run "cleanup_batch_delay_ms_2" {
  command = plan

  variables {
    cleanup_batch_delay_ms = 60001
  }

  expect_failures = [var.cleanup_batch_delay_ms]
}

run "cleanup_timeout_safety_minutes" {
  command = plan

  variables {
    cleanup_timeout_safety_minutes = 0
  }

  expect_failures = [var.cleanup_timeout_safety_minutes]
}

run "cleanup_timeout_safety_minutes_2" {
  command = plan

  variables {
    cleanup_timeout_safety_minutes = 15.5
  }

  expect_failures = [var.cleanup_timeout_safety_minutes]
}

run "cleanup_max_delete_percent" {
  command = plan

  variables {
    cleanup_max_delete_percent = 0
  }

  expect_failures = [var.cleanup_max_delete_percent]
}

run "cleanup_max_delete_percent_2" {
  command = plan

  variables {
    cleanup_max_delete_percent = 101
  }

  expect_failures = [var.cleanup_max_delete_percent]
}

run "cleanup_max_continuations" {
  command = plan

  variables {
    cleanup_max_continuations = 15
  }

  expect_failures = [var.cleanup_max_continuations]
}

run "storage_limit_mb" {
  command = plan

  variables {
    storage_limit_mb = 0
  }

  expect_failures = [var.storage_limit_mb]
}

run "storage_alert_percent" {
  command = plan

  variables {
    storage_alert_percent = 0
  }

  expect_failures = [var.storage_alert_percent]
}

run "storage_alert_percent_2" {
  command = plan

  variables {
    storage_alert_percent = 101
  }

  expect_failures = [var.storage_alert_percent]
}

run "safety_minutes_stay_below_the_timeout" {
  command = plan

  variables {
    playback_cleanup_timeout_seconds = 840
  }

  expect_failures = [var.cleanup_timeout_safety_minutes]
}

run "what_has_expired_cannot_become_colder" {
  command = plan

  variables {
    archive_cold_after_days   = 400
    archive_expire_after_days = 365
  }

  expect_failures = [var.archive_expire_after_days]
}
