# How and when the functions run, and who receives alarms.

variable "lambda_memory_size" {
  description = "Memory of each function in MB; its CPU share grows in proportion."
  type        = number
  default     = 1024

  validation {
    condition     = var.lambda_memory_size >= 128 && var.lambda_memory_size <= 10240 && floor(var.lambda_memory_size) == var.lambda_memory_size
    error_message = "lambda_memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "monthly_stats_timeout_seconds" {
  description = "Timeout of a stats run, in seconds."
  type        = number
  default     = 300

  validation {
    condition     = var.monthly_stats_timeout_seconds >= 30 && var.monthly_stats_timeout_seconds <= 900 && floor(var.monthly_stats_timeout_seconds) == var.monthly_stats_timeout_seconds
    error_message = "monthly_stats_timeout_seconds must be a whole number of seconds from 30 to 900, Lambda's maximum."
  }
}

variable "playback_cleanup_timeout_seconds" {
  description = "Timeout of a cleanup run, in seconds."
  type        = number
  default     = 900

  validation {
    condition     = var.playback_cleanup_timeout_seconds >= 30 && var.playback_cleanup_timeout_seconds <= 900 && floor(var.playback_cleanup_timeout_seconds) == var.playback_cleanup_timeout_seconds
    error_message = "playback_cleanup_timeout_seconds must be a whole number of seconds from 30 to 900, Lambda's maximum."
  }
}

variable "reserved_concurrency" {
  description = "Reserved concurrency of stats and of cleanup. 1: one run of each at a time (with fan-out, cleanup gets fan_out_workers + 1); -1: no reservation and no limit, for accounts that cannot reserve concurrency; 0: both are stopped."
  type        = number
  default     = 1

  validation {
    condition     = contains([-1, 0, 1], var.reserved_concurrency)
    error_message = "reserved_concurrency must be 1, or -1 (no limit) if the account's concurrency limit allows no reservation, or 0 to stop both jobs."
  }
}

variable "enable_fan_out" {
  description = "Whether Step Functions divides each cleanup among workers: for a week's work that a sequence of single runs cannot finish, or for a cluster that can serve several writers (docs/scale.md)."
  type        = bool
  default     = false
}

variable "fan_out_workers" {
  description = "Number of concurrent workers. With reserved_concurrency 1, cleanup reserves this number of concurrent runs plus one."
  type        = number
  default     = 4

  validation {
    condition     = var.fan_out_workers >= 1 && var.fan_out_workers <= 64 && floor(var.fan_out_workers) == var.fan_out_workers
    error_message = "fan_out_workers must be a whole number from 1 to 64: the results of more workers would exceed Step Functions' payload limit."
  }
}

variable "cloudwatch_log_retention_days" {
  description = "Retention of the logs, in days."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.cloudwatch_log_retention_days)
    error_message = "cloudwatch_log_retention_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365: CloudWatch accepts no other values up to one year."
  }
}

variable "permissions_boundary_arn" {
  description = "ARN of the permissions boundary of every role created here, for accounts that require it; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, or null for none."
  }
}

variable "alarm_email" {
  description = "Email address that also receives the alarms on the discord function itself and on reports that a run could not publish; null for none. AWS sends a confirmation link to it."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", var.alarm_email))
    error_message = "alarm_email must be one email address, or null for none."
  }
}

variable "allow_eventbridge_publish" {
  description = "Whether EventBridge may publish to the topic, so that events that your own rules match (AWS Health, GuardDuty, ECR scans) reach Discord. No rule of this stack needs it. Rules of other accounts can publish then too, since the topic's policy cannot restrict EventBridge to this account."
  type        = bool
  default     = false
}

variable "enable_schedules" {
  description = "Whether the monthly and the weekly rule are enabled; false creates them disabled, for an environment whose functions are only invoked by hand. The missed-run alarms then notify nobody."
  type        = bool
  default     = true
}

variable "monthly_stats_schedule" {
  description = "Schedule of stats, in UTC; it should run on the first of the month, since it reports the previous month."
  type        = string
  default     = "cron(0 2 1 * ? *)"

  validation {
    condition     = can(regex("^cron[(].+[)]$", var.monthly_stats_schedule))
    error_message = "monthly_stats_schedule must be cron(...), such as cron(0 2 1 * ? *)."
  }
}

variable "weekly_cleanup_schedule" {
  description = "Schedule of cleanup, in UTC; the missed-run alarm expects a success at least every 8 days."
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
  description = "Schedule of the test rule."
  type        = string
  default     = "rate(5 minutes)"

  validation {
    condition     = can(regex("^(rate|cron)[(].+[)]$", var.test_schedule_expression))
    error_message = "test_schedule_expression must be rate(...) or cron(...), such as rate(5 minutes)."
  }
}
