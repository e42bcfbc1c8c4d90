# Settings of the functions, named like their environment variables; a test compares the defaults with settings.py.
# docs/configuration.md lists all settings.

variable "db_name" {
  description = "Name of the MongoDB database."
  type        = string
  default     = "mern-joytify"

  validation {
    condition     = can(regex("^[^/\\\\. \"$]{1,63}$", var.db_name))
    error_message = "db_name must be 1 to 63 characters without slash, backslash, dot, space, quote and dollar sign."
  }
}

variable "log_level" {
  description = "Minimum log level."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "backend_push_size" {
  description = "Maximum number of users per push to the backend, which accepts request bodies of up to 100 kB."
  type        = number
  default     = 1000

  validation {
    condition     = var.backend_push_size >= 1 && var.backend_push_size <= 3500 && floor(var.backend_push_size) == var.backend_push_size
    error_message = "backend_push_size must be a whole number of users from 1 to 3500."
  }
}

variable "read_preference" {
  description = "Members of the replica set from which stats reads the ids of the users with statistics; all other reads go to the primary."
  type        = string
  default     = "primary"

  validation {
    condition     = contains(["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"], var.read_preference)
    error_message = "read_preference must be primary, primaryPreferred, secondary, secondaryPreferred or nearest."
  }
}

variable "cleanup_days" {
  description = "Retention period in days; older documents are deleted."
  type        = number
  default     = 60

  validation {
    condition     = var.cleanup_days >= 1 && var.cleanup_days <= 3650 && floor(var.cleanup_days) == var.cleanup_days
    error_message = "cleanup_days must be a whole number of days from 1 to 3650."
  }
}

variable "cleanup_batch_size" {
  description = "Maximum number of documents per batch; without a pause, of the four concurrent batches together."
  type        = number
  default     = 10000

  validation {
    condition     = var.cleanup_batch_size >= 1 && var.cleanup_batch_size <= 100000 && floor(var.cleanup_batch_size) == var.cleanup_batch_size
    error_message = "cleanup_batch_size must be a whole number of documents from 1 to 100000."
  }
}

variable "cleanup_batch_delay_ms" {
  description = "Minimum pause between two full batches in ms, for the app's latency; 0: pauses only if the server is slow."
  type        = number
  default     = 100

  validation {
    condition     = var.cleanup_batch_delay_ms >= 0 && var.cleanup_batch_delay_ms <= 60000 && floor(var.cleanup_batch_delay_ms) == var.cleanup_batch_delay_ms
    error_message = "cleanup_batch_delay_ms must be a whole number of milliseconds from 0 to 60000."
  }
}

variable "cleanup_timeout_safety_minutes" {
  description = "Minutes after its start at which a cleanup run stops by itself and starts its continuation; not a margin before the timeout."
  type        = number
  default     = 14

  validation {
    condition     = var.cleanup_timeout_safety_minutes > 0 && var.cleanup_timeout_safety_minutes <= 15
    error_message = "cleanup_timeout_safety_minutes must be above 0 and at most 15 minutes."
  }

  validation {
    condition     = var.cleanup_timeout_safety_minutes * 60 < var.playback_cleanup_timeout_seconds
    error_message = "cleanup_timeout_safety_minutes must be shorter than playback_cleanup_timeout_seconds: otherwise it has no effect, since a run always stops before the function's timeout."
  }
}

variable "cleanup_deletion_limit_percent" {
  description = "Deletion limit: maximum percentage of a collection that a run may delete; if more has expired, the run deletes nothing from that collection. Collections of fewer than 1,000 documents have no limit."
  type        = number
  default     = 95

  validation {
    condition     = var.cleanup_deletion_limit_percent > 0 && var.cleanup_deletion_limit_percent <= 100
    error_message = "cleanup_deletion_limit_percent must be above 0 and at most 100 percent."
  }
}

variable "cleanup_max_continuations" {
  description = "Maximum number of continuations after the first run of a sequence. Lambda stops a function after about 16 invocations in one sequence."
  type        = number
  default     = 8

  validation {
    condition     = var.cleanup_max_continuations >= 0 && var.cleanup_max_continuations <= 14 && floor(var.cleanup_max_continuations) == var.cleanup_max_continuations
    error_message = "cleanup_max_continuations must be a whole number of runs from 0 to 14: Lambda stops a function that is invoked about 16 times in one sequence."
  }
}

variable "storage_limit_mb" {
  description = "Storage limit of the MongoDB cluster in MB; 512 in the free tier."
  type        = number
  default     = 512

  validation {
    condition     = var.storage_limit_mb >= 1 && var.storage_limit_mb <= 10000000 && floor(var.storage_limit_mb) == var.storage_limit_mb
    error_message = "storage_limit_mb must be a whole number of MB from 1 to 10000000."
  }
}

variable "storage_alert_percent" {
  description = "Percentage of the storage limit above which an alarm is raised."
  type        = number
  default     = 80

  validation {
    condition     = var.storage_alert_percent > 0 && var.storage_alert_percent <= 100
    error_message = "storage_alert_percent must be above 0 and at most 100 percent."
  }
}
