locals {
  job_environment = {
    SECRET_ID     = local.secret_arn
    SNS_TOPIC_ARN = local.topic_arn
    DB_NAME       = var.db_name
    LOG_LEVEL     = var.log_level
  }

  functions = {
    stats = {
      description = "Tells every listener once a month that the statistics are ready"
      timeout     = var.monthly_stats_timeout_seconds
      concurrency = var.reserved_concurrency
      # A heartbeat or a continuation meets the run that is at work; Lambda tries again, at most 9 times in 5 minutes.
      throttles = 20
      duration  = null
      environment = merge(local.job_environment, {
        CLEANUP_FUNCTION_NAME = local.names.cleanup
        BACKEND_CHUNK_SIZE    = tostring(var.backend_chunk_size)
        READ_PREFERENCE       = var.read_preference
      })
    }
    cleanup = {
      description = "Deletes what is older than the retention period, once a week and after the statistics"
      timeout     = var.playback_cleanup_timeout_seconds
      concurrency = var.reserved_concurrency
      throttles   = 20
      # A run that stops by itself and continues is none to be alarmed of: only one that comes near the timeout after that.
      duration = max(0.9 * var.playback_cleanup_timeout_seconds, (60 * var.cleanup_timeout_safety_minutes + var.playback_cleanup_timeout_seconds) / 2)
      environment = merge(local.job_environment, {
        CLEANUP_DAYS                   = tostring(var.cleanup_days)
        CLEANUP_BATCH_SIZE             = tostring(var.cleanup_batch_size)
        CLEANUP_BATCH_DELAY_MS         = tostring(var.cleanup_batch_delay_ms)
        CLEANUP_TIMEOUT_SAFETY_MINUTES = tostring(var.cleanup_timeout_safety_minutes)
        CLEANUP_MAX_DELETE_PERCENT     = tostring(var.cleanup_max_delete_percent)
        CLEANUP_MAX_CONTINUATIONS      = tostring(var.cleanup_max_continuations)
        CLEANUP_ARCHIVE_BUCKET         = var.enable_archive ? aws_s3_bucket.archive[0].bucket : ""
        STORAGE_LIMIT_MB               = tostring(var.storage_limit_mb)
        STORAGE_ALERT_PERCENT          = tostring(var.storage_alert_percent)
      })
    }
    discord = {
      description = "Tells the operators in Discord what ran, what failed and which alarm fired"
      timeout     = 60
      concurrency = -1
      throttles   = 1
      duration    = null
      environment = {
        SECRET_ID            = local.secret_arn
        LOG_LEVEL            = var.log_level
        DISCORD_MEMORY_TABLE = aws_dynamodb_table.memory.name
      }
    }
  }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name                   = local.names[each.key]
  description            = each.value.description
  image_uri              = "${local.registry}/${var.project_name}/${each.key}@${var.image_digests[each.key]}"
  architecture           = var.architecture
  memory_size            = var.lambda_memory_size
  timeout                = each.value.timeout
  environment            = each.value.environment
  policy                 = local.policies[each.key]
  log_retention_days     = var.cloudwatch_log_retention_days
  reserved_concurrency   = each.value.concurrency
  failure_queue_arn      = aws_sqs_queue.this["${each.key}-failed"].arn
  alarm_actions          = local.alarm_topics[each.key]
  throttles_threshold    = each.value.throttles
  duration_alarm_seconds = each.value.duration
}
