# How the functions run, and who is notified.

variable "lambda_memory_size" {
  description = "Memory of each function in MB; the share of a processor grows with it."
  type        = number
  default     = 1024

  validation {
    condition     = var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240 && floor(var.lambda_memory_size) == var.lambda_memory_size
    error_message = "lambda_memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "monthly_stats_timeout_seconds" {
  description = "Seconds after which Lambda ends a run of stats."
  type        = number
  default     = 300

  validation {
    condition     = var.monthly_stats_timeout_seconds >= 30 && var.monthly_stats_timeout_seconds <= 900 && floor(var.monthly_stats_timeout_seconds) == var.monthly_stats_timeout_seconds
    error_message = "monthly_stats_timeout_seconds must be a whole number of seconds from 30 to 900, which is the longest that Lambda allows."
  }
}

variable "playback_cleanup_timeout_seconds" {
  description = "Seconds after which Lambda ends a run of cleanup."
  type        = number
  default     = 900

  validation {
    condition     = var.playback_cleanup_timeout_seconds >= 30 && var.playback_cleanup_timeout_seconds <= 900 && floor(var.playback_cleanup_timeout_seconds) == var.playback_cleanup_timeout_seconds
    error_message = "playback_cleanup_timeout_seconds must be a whole number of seconds from 30 to 900, which is the longest that Lambda allows."
  }
}

variable "reserved_concurrency" {
  description = "How many runs of stats, and of cleanup, there may be at once. -1 sets no limit, for an account that cannot reserve any; 0 stops both."
  type        = number
  default     = 1

  validation {
    condition     = contains([-1, 0, 1], var.reserved_concurrency)
    error_message = "reserved_concurrency must be 1, or -1 (no limit) if the account's limit of concurrent runs allows no reservation, or 0 to stop both jobs."
  }
}

variable "enable_fan_out" {
  description = "Whether Step Functions divides each cleanup among workers: for a cluster whose one primary is not what limits it (docs/scale.md)."
  type        = bool
  default     = false
}

variable "fan_out_workers" {
  description = "Number of workers that clean at the same time. With reserved_concurrency 1, that many runs of cleanup and one more are reserved."
  type        = number
  default     = 4

  validation {
    condition     = var.fan_out_workers >= 1 && var.fan_out_workers <= 64 && floor(var.fan_out_workers) == var.fan_out_workers
    error_message = "fan_out_workers must be a whole number from 1 to 64: Step Functions passes on no more results."
  }
}

variable "cloudwatch_log_retention_days" {
  description = "Days that the logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.cloudwatch_log_retention_days)
    error_message = "cloudwatch_log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365: CloudWatch takes no others in a year."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the IAM policy that bounds every role made here, in accounts that ask for one; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, or null for none."
  }
}

variable "alarm_email" {
  description = "Email address that is also notified if the discord function itself fails; null for none. AWS sends it a link to confirm."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", var.alarm_email))
    error_message = "alarm_email must be one email address, or null for none."
  }
}

variable "allow_eventbridge_publish" {
  description = "Whether EventBridge may publish to the topic, so that rules of your own (AWS Health, GuardDuty, ECR scans) reach Discord. No rule of this stack needs it, and conditions on whose rule it is do not work there."
  type        = bool
  default     = false
}

variable "enable_schedules" {
  description = "Whether the rules of stats and cleanup act; false leaves them there and disabled, as in an environment that is only invoked by hand. The alarms for a missed success are off then, too."
  type        = bool
  default     = true
}

variable "monthly_stats_schedule" {
  description = "When stats runs, in UTC: on the first of a month, since it reports the month before."
  type        = string
  default     = "cron(0 2 1 * ? *)"

  validation {
    condition     = can(regex("^cron[(].+[)]$", var.monthly_stats_schedule))
    error_message = "monthly_stats_schedule must be cron(...), such as cron(0 2 1 * ? *)."
  }
}

variable "weekly_cleanup_schedule" {
  description = "When cleanup runs, in UTC; the alarm for a missed success wants one in 8 days."
  type        = string
  default     = "cron(0 4 ? * MON *)"

  validation {
    condition     = can(regex("^(rate|cron)[(].+[)]$", var.weekly_cleanup_schedule))
    error_message = "weekly_cleanup_schedule must be rate(...) or cron(...), such as cron(0 4 ? * MON *)."
  }
}

variable "enable_test_schedule" {
  description = "Whether a rule runs the month end on the test collections every few minutes while the secret's SCHEDULE_MODE is test_auto."
  type        = bool
  default     = false
}

variable "test_schedule_expression" {
  description = "How often the test schedule runs."
  type        = string
  default     = "rate(5 minutes)"

  validation {
    condition     = can(regex("^(rate|cron)[(].+[)]$", var.test_schedule_expression))
    error_message = "test_schedule_expression must be rate(...) or cron(...), such as rate(5 minutes)."
  }
}
