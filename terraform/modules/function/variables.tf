variable "name" {
  description = "Name of the function; its role, log group and alarms are named after it."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-_]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "description" {
  description = "Description of the function, in one sentence."
  type        = string
}

variable "image_uri" {
  description = "Image by digest: `repository@sha256:` and 64 hex digits. Tags are not accepted, since a tag may move."
  type        = string

  validation {
    condition     = can(regex("^[^@:]+(:[0-9]+)?(/[^@:]+)+@sha256:[0-9a-f]{64}$", var.image_uri))
    error_message = "image_uri must name the image by digest, not by tag: repository@sha256: and 64 hex digits."
  }
}

variable "memory_size" {
  description = "Memory in MB; the CPU share grows in proportion."
  type        = number
  default     = 1024

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Timeout of a run, in seconds."
  type        = number

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 1 to 900, Lambda's maximum."
  }
}

variable "environment" {
  description = "Environment variables. They must not contain secrets, since they are stored in the state and shown in the console."
  type        = map(string)
  default     = {}
}

variable "policy" {
  description = "IAM policy (JSON) with the function's own actions; the module adds permissions to write to its log group and its failure queue."
  type        = string
}

variable "permissions_boundary_arn" {
  description = "ARN of the permissions boundary of the function's role; null for none."
  type        = string
  default     = null
}

variable "log_retention_days" {
  description = "Retention of the log in days; one of the values that CloudWatch accepts."
  type        = number
  default     = 30
}

variable "reserved_concurrency" {
  description = "Maximum number of concurrent runs; 0 stops the function, -1 sets no limit."
  type        = number
  default     = -1

  validation {
    condition     = var.reserved_concurrency >= -1 && floor(var.reserved_concurrency) == var.reserved_concurrency
    error_message = "reserved_concurrency must be -1 (no limit), 0 (the function is stopped) or a positive whole number."
  }
}

variable "failure_queue_arn" {
  description = "ARN of the SQS queue for asynchronous events that the function failed to process in all attempts."
  type        = string
}

variable "alarm_actions" {
  description = "ARNs of the topics that are notified when an alarm is raised and when it ends."
  type        = list(string)
}

variable "duration_alarm_seconds" {
  description = "Duration of a run, in seconds, above which the alarm is raised; null for 90 % of the timeout."
  type        = number
  default     = null
}

variable "throttles_threshold" {
  description = "Number of throttled calls in five minutes at which the alarm is raised."
  type        = number
  default     = 1
}
