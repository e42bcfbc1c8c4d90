# Values out of range, many in a run: a run fails if one of them is accepted. tests/contract checks that no variable is
# forgotten. Terraform does not evaluate a validation that refers to another variable if that other variable is out of range too, so such cases have separate runs.

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

run "below_or_unknown" {
  command = plan

  variables {
    environment                    = "production"
    region                         = "Tokyo"
    project_name                   = "music-"
    image_digests                  = { stats = "latest", cleanup = "latest", discord = "latest" }
    lambda_memory_size             = 64
    monthly_stats_timeout_seconds  = 0
    cleanup_timeout_safety_minutes = 0
    reserved_concurrency           = 2
    fan_out_workers                = 0
    cloudwatch_log_retention_days  = 31
    alarm_email                    = "not an address"
    permissions_boundary_arn       = "boundary"
    monthly_stats_schedule         = "rate(30 days)"
    weekly_cleanup_schedule        = "weekly"
    test_schedule_expression       = "every five minutes"
    secret_name                    = "with space"
    archive_cold_after_days        = -1
    db_name                        = "a.b"
    log_level                      = "info"
    backend_push_size              = 0
    read_preference                = "anywhere"
    cleanup_days                   = 0
    cleanup_batch_size             = 0
    cleanup_batch_delay_ms         = -1
    cleanup_deletion_limit_percent = 0
    cleanup_max_continuations      = -1
    storage_limit_mb               = 0
    storage_alert_percent          = 0
  }

  expect_failures = [
    var.environment,
    var.region,
    var.project_name,
    var.image_digests,
    var.lambda_memory_size,
    var.monthly_stats_timeout_seconds,
    var.cleanup_timeout_safety_minutes,
    var.reserved_concurrency,
    var.fan_out_workers,
    var.cloudwatch_log_retention_days,
    var.alarm_email,
    var.permissions_boundary_arn,
    var.monthly_stats_schedule,
    var.weekly_cleanup_schedule,
    var.test_schedule_expression,
    var.secret_name,
    var.archive_cold_after_days,
    var.db_name,
    var.log_level,
    var.backend_push_size,
    var.read_preference,
    var.cleanup_days,
    var.cleanup_batch_size,
    var.cleanup_batch_delay_ms,
    var.cleanup_deletion_limit_percent,
    var.cleanup_max_continuations,
    var.storage_limit_mb,
    var.storage_alert_percent,
  ]
}

run "above_or_malformed" {
  command = plan

  variables {
    image_registry                   = "https://123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/"
    lambda_memory_size               = 10241
    monthly_stats_timeout_seconds    = 901
    playback_cleanup_timeout_seconds = 901
    fan_out_workers                  = 65
    cloudwatch_log_retention_days    = 400
    create_secret                    = false
    secret_kms_key_arn               = "alias/ours"
    archive_expire_after_days        = 36501
    backend_push_size                = 3501
    cleanup_days                     = 3651
    cleanup_batch_size               = 100001
    cleanup_batch_delay_ms           = 60001
    cleanup_deletion_limit_percent   = 101
    cleanup_max_continuations        = 15
    storage_limit_mb                 = 10000001
    storage_alert_percent            = 101
  }

  expect_failures = [
    var.image_registry,
    var.lambda_memory_size,
    var.monthly_stats_timeout_seconds,
    var.playback_cleanup_timeout_seconds,
    var.fan_out_workers,
    var.cloudwatch_log_retention_days,
    var.secret_kms_key_arn,
    var.archive_expire_after_days,
    var.backend_push_size,
    var.cleanup_days,
    var.cleanup_batch_size,
    var.cleanup_batch_delay_ms,
    var.cleanup_deletion_limit_percent,
    var.cleanup_max_continuations,
    var.storage_limit_mb,
    var.storage_alert_percent,
  ]
}

run "fractions_and_conflicts_with_another_variable" {
  command = plan

  variables {
    image_registry                 = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    lambda_memory_size             = 1024.5
    fan_out_workers                = 2.5
    cleanup_timeout_safety_minutes = 15.5
    secret_kms_key_arn             = "arn:aws:kms:ap-northeast-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    archive_expire_after_days      = 365
    archive_cold_after_days        = 400
  }

  expect_failures = [
    var.image_registry,
    var.lambda_memory_size,
    var.fan_out_workers,
    var.cleanup_timeout_safety_minutes,
    var.secret_kms_key_arn,
    var.archive_expire_after_days,
  ]
}

run "a_timeout_equal_to_the_safety_minutes" {
  command = plan

  variables {
    image_registry                   = "ghcr.io/somebody"
    playback_cleanup_timeout_seconds = 840
  }

  expect_failures = [
    var.image_registry,
    var.cleanup_timeout_safety_minutes,
  ]
}

run "timeout_and_expiry_below_the_minimum" {
  command = plan

  variables {
    playback_cleanup_timeout_seconds = 10
    archive_expire_after_days        = 0
  }

  expect_failures = [
    var.playback_cleanup_timeout_seconds,
    var.archive_expire_after_days,
  ]
}

run "names_until_1_0_0" {
  command = plan

  variables {
    backend_chunk_size         = 1000
    cleanup_max_delete_percent = 20
  }

  expect_failures = [
    var.backend_chunk_size,
    var.cleanup_max_delete_percent,
  ]
}
