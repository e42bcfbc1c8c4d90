variable "environment" {
  description = "Which of the environments this is; in dev and staging its name stands in every other name."
  type        = string
  default     = "prod"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region of everything."
  type        = string
  default     = "ap-northeast-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as ap-northeast-1."
  }
}

variable "project_name" {
  description = "Prefix of every name."
  type        = string
  default     = "joytify"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.project_name))
    error_message = "project_name must be 2 to 21 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "image_digests" {
  description = "Digest of each function's image; `make push` writes them to images.auto.tfvars.json."
  type        = object({ stats = string, cleanup = string, discord = string })

  validation {
    condition     = alltrue([for digest in values(var.image_digests) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "image_digests must be sha256: and 64 hex digits for each of stats, cleanup and discord: a tag may move, so none is taken. `make push` writes them."
  }
}

variable "image_registry" {
  description = "Registry that the images are pulled from, as host and optional port and path; empty for this account's ECR."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*)?$", var.image_registry))
    error_message = "image_registry must be a registry without scheme and without a slash at its end, such as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com, or empty for this account's ECR."
  }
}

variable "architecture" {
  description = "Processor that the images are built for; `make build` and `make push` know x86_64 only."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
  }
}

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
  description = "How many runs of stats, and of cleanup, there may be at once. -1 sets no limit, for an account that may not reserve any; 0 stops both."
  type        = number
  default     = 1

  validation {
    condition     = contains([-1, 0, 1], var.reserved_concurrency)
    error_message = "reserved_concurrency must be 1, or -1 (no limit) where the account's limit of concurrent runs forbids to reserve one, or 0 to stop both jobs."
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

variable "alarm_email" {
  description = "Address that hears, besides Discord, of what goes wrong with the discord function itself; empty for none. AWS sends it a link to confirm."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_email == "" || can(regex("^[^@ ]+@[^@ ]+[.][^@ ]+$", var.alarm_email))
    error_message = "alarm_email must be one mail address, or empty for none."
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

variable "create_secret" {
  description = "Whether to create the secret, empty; else one of its name must be there."
  type        = bool
  default     = true
}

variable "secret_name" {
  description = "Name of the secret; empty for MERN_JOYTIFY_ENVS, with the environment at its end in dev and staging."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{0,512}$", var.secret_name))
    error_message = "secret_name must be at most 512 letters, digits and any of /_+=.@-, or empty for the usual name."
  }
}

variable "enable_archive" {
  description = "Whether there is a bucket to which documents are copied, and verified, before they are deleted."
  type        = bool
  default     = false
}

variable "archive_versioning" {
  description = "Whether the archive keeps what is overwritten or deleted for another 30 days."
  type        = bool
  default     = false
}

variable "archive_cold_after_days" {
  description = "Days after which an archived object moves to a colder class (Glacier Instant Retrieval)."
  type        = number
  default     = 90

  validation {
    condition     = var.archive_cold_after_days >= 0 && var.archive_cold_after_days <= 3650 && floor(var.archive_cold_after_days) == var.archive_cold_after_days
    error_message = "archive_cold_after_days must be a whole number of days from 0 to 3650."
  }
}

variable "archive_expire_after_days" {
  description = "Days after which an archived object is deleted for good."
  type        = number
  default     = 730

  validation {
    condition     = var.archive_expire_after_days >= 1 && var.archive_expire_after_days <= 36500 && floor(var.archive_expire_after_days) == var.archive_expire_after_days
    error_message = "archive_expire_after_days must be a whole number of days from 1 to 36500."
  }

  validation {
    condition     = var.archive_expire_after_days > var.archive_cold_after_days
    error_message = "archive_expire_after_days must be above archive_cold_after_days: what has expired cannot become colder."
  }
}
