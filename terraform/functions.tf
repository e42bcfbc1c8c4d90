locals {
  job_environment = {
    SECRET_ID     = local.secret_arn
    SNS_TOPIC_ARN = local.topic_arn
    DB_NAME       = var.db_name
    LOG_LEVEL     = var.log_level
  }

  functions = {
    stats = {
      description = "Notifies users once a month that their statistics are ready"
      policy      = data.aws_iam_policy_document.stats.json
      timeout     = var.monthly_stats_timeout_seconds
      concurrency = var.reserved_concurrency
      # While a run is active, a heartbeat or a continuation is throttled; Lambda retries it, at most 9 times in 5 minutes.
      throttles = 20
      # A page of users that starts in the last 45 s is the last page of the run: a page may take 30 s, and 15 s are reserved for the report and for starting the next run.
      stops_after = var.monthly_stats_timeout_seconds - 45
      environment = merge(local.job_environment, {
        CLEANUP_FUNCTION_NAME = local.names.cleanup
        BACKEND_PUSH_SIZE     = tostring(var.backend_push_size)
        READ_PREFERENCE       = var.read_preference
        },
        var.enable_fan_out ? { CLEANUP_STATE_MACHINE_ARN = local.fan_out_arn } : {}
      )
    }
    cleanup = {
      description = "Deletes expired playbacks and sessions, once a week and after the statistics"
      policy      = data.aws_iam_policy_document.cleanup.json
      timeout     = var.playback_cleanup_timeout_seconds
      # One for each worker, and one for a heartbeat or a manual run.
      concurrency = var.enable_fan_out && var.reserved_concurrency == 1 ? var.fan_out_workers + 1 : var.reserved_concurrency
      throttles   = 20
      stops_after = 60 * var.cleanup_timeout_safety_minutes
      environment = merge(local.job_environment, {
        CLEANUP_DAYS                   = tostring(var.cleanup_days)
        CLEANUP_BATCH_SIZE             = tostring(var.cleanup_batch_size)
        CLEANUP_BATCH_DELAY_MS         = tostring(var.cleanup_batch_delay_ms)
        CLEANUP_TIMEOUT_SAFETY_MINUTES = tostring(var.cleanup_timeout_safety_minutes)
        CLEANUP_DELETION_LIMIT_PERCENT = tostring(var.cleanup_deletion_limit_percent)
        CLEANUP_MAX_CONTINUATIONS      = tostring(var.cleanup_max_continuations)
        CLEANUP_ARCHIVE_BUCKET         = var.enable_archive ? aws_s3_bucket.archive[0].bucket : ""
        STORAGE_LIMIT_MB               = tostring(var.storage_limit_mb)
        STORAGE_ALERT_PERCENT          = tostring(var.storage_alert_percent)
      })
    }
    discord = {
      description = "Posts runs, failures and alarms to the operators' Discord channel"
      policy      = data.aws_iam_policy_document.discord.json
      timeout     = 60
      concurrency = -1
      # In a new account with a concurrency limit of ten, the first states of about twenty alarms arrive together. Ten calls
      # wait for Discord's rate limit; the other ten are throttled up to five times each (on the first attempt and on four retries).
      throttles   = 51
      stops_after = 0
      environment = {
        SECRET_ID            = local.secret_arn
        LOG_LEVEL            = var.log_level
        DISCORD_MEMORY_TABLE = aws_dynamodb_table.memory.name
      }
    }
  }
}

locals {
  # A run that stops at its deadline and starts its continuation is normal; a run well past its deadline is not.
  duration_alarm_seconds = { for key, function in local.functions : key => max(0.9 * function.timeout, (function.stops_after + function.timeout) / 2) }
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name                     = local.names[each.key]
  description              = each.value.description
  image_uri                = "${local.registry}/${var.project_name}/${each.key}@${var.image_digests[each.key]}"
  memory_size              = var.lambda_memory_size
  timeout                  = each.value.timeout
  environment              = each.value.environment
  policy                   = each.value.policy
  permissions_boundary_arn = var.permissions_boundary_arn
  log_retention_days       = var.cloudwatch_log_retention_days
  reserved_concurrency     = each.value.concurrency
  failure_queue_arn        = aws_sqs_queue.this["${each.key}-failed"].arn
  alarm_actions            = local.alarm_topics[each.key]
  throttles_threshold      = each.value.throttles
  duration_alarm_seconds   = local.duration_alarm_seconds[each.key]
}
