# What the functions read from their environment, by the same names; the defaults equal those of settings.py, and a test
# compares both (docs/configuration.md describes each).

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
  description = "Least level that is logged."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "backend_chunk_size" {
  description = "Users that one request to the backend names; its body may have 100 kB."
  type        = number
  default     = 1000

  validation {
    condition     = var.backend_chunk_size >= 1 && var.backend_chunk_size <= 3500 && floor(var.backend_chunk_size) == var.backend_chunk_size
    error_message = "backend_chunk_size must be a whole number of users from 1 to 3500."
  }
}

variable "read_preference" {
  description = "Which members of the replica set stats reads from."
  type        = string
  default     = "primary"

  validation {
    condition     = contains(["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"], var.read_preference)
    error_message = "read_preference must be primary, primaryPreferred, secondary, secondaryPreferred or nearest."
  }
}

variable "cleanup_days" {
  description = "Retention period: what is older is deleted."
  type        = number
  default     = 60

  validation {
    condition     = var.cleanup_days >= 1 && var.cleanup_days <= 3650 && floor(var.cleanup_days) == var.cleanup_days
    error_message = "cleanup_days must be a whole number of days from 1 to 3650."
  }
}

variable "cleanup_batch_size" {
  description = "Most documents that are deleted at once."
  type        = number
  default     = 10000

  validation {
    condition     = var.cleanup_batch_size >= 1 && var.cleanup_batch_size <= 100000 && floor(var.cleanup_batch_size) == var.cleanup_batch_size
    error_message = "cleanup_batch_size must be a whole number of documents from 1 to 100000."
  }
}

variable "cleanup_batch_delay_ms" {
  description = "Pause between two batches."
  type        = number
  default     = 100

  validation {
    condition     = var.cleanup_batch_delay_ms >= 0 && var.cleanup_batch_delay_ms <= 60000 && floor(var.cleanup_batch_delay_ms) == var.cleanup_batch_delay_ms
    error_message = "cleanup_batch_delay_ms must be a whole number of milliseconds from 0 to 60000."
  }
}

variable "cleanup_timeout_safety_minutes" {
  description = "Minutes after which a run of cleanup stops by itself and starts its continuation."
  type        = number
  default     = 14

  validation {
    condition     = var.cleanup_timeout_safety_minutes > 0 && var.cleanup_timeout_safety_minutes <= 15
    error_message = "cleanup_timeout_safety_minutes must be a number of minutes above 0, to 15."
  }

  validation {
    condition     = var.cleanup_timeout_safety_minutes * 60 < var.playback_cleanup_timeout_seconds
    error_message = "cleanup_timeout_safety_minutes must be below playback_cleanup_timeout_seconds (60 seconds to a minute): else Lambda ends the run before it can stop by itself."
  }
}

variable "cleanup_max_delete_percent" {
  description = "Deletion safety limit: a run that would delete more of a collection than this deletes nothing of it."
  type        = number
  default     = 95

  validation {
    condition     = var.cleanup_max_delete_percent > 0 && var.cleanup_max_delete_percent <= 100
    error_message = "cleanup_max_delete_percent must be a number of percent above 0, to 100."
  }
}

variable "cleanup_max_continuations" {
  description = "How many runs may follow the first, each starting the next. Lambda stops a function after about 16 invocations in one sequence."
  type        = number
  default     = 8

  validation {
    condition     = var.cleanup_max_continuations >= 0 && var.cleanup_max_continuations <= 14 && floor(var.cleanup_max_continuations) == var.cleanup_max_continuations
    error_message = "cleanup_max_continuations must be a whole number of runs from 0 to 14: Lambda stops a function that is invoked about 16 times in one sequence."
  }
}

variable "storage_limit_mb" {
  description = "MB that the MongoDB cluster may hold; 512 in the free tier."
  type        = number
  default     = 512

  validation {
    condition     = var.storage_limit_mb >= 1 && var.storage_limit_mb <= 10000000 && floor(var.storage_limit_mb) == var.storage_limit_mb
    error_message = "storage_limit_mb must be a whole number of MB from 1 to 10000000."
  }
}

variable "storage_alert_percent" {
  description = "Share of the storage above which an alarm is raised."
  type        = number
  default     = 80

  validation {
    condition     = var.storage_alert_percent > 0 && var.storage_alert_percent <= 100
    error_message = "storage_alert_percent must be a number of percent above 0, to 100."
  }
}
