# The secret and the archive.

variable "create_secret" {
  description = "Whether to create the secret, without a value; if false, a secret with the name secret_name must exist."
  type        = bool
  default     = true
}

variable "secret_name" {
  description = "Name of the secret; null for MERN_JOYTIFY_ENVS, with the environment as suffix in dev and staging."
  type        = string
  default     = null

  validation {
    condition     = var.secret_name == null || can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.secret_name))
    error_message = "secret_name must be 1 to 512 letters, digits and any of /_+=.@-, or null for the usual name."
  }
}

variable "secret_kms_key_arn" {
  description = "ARN of the customer managed key that an existing secret is encrypted with; null for AWS' own key, which needs no permission."
  type        = string
  default     = null

  validation {
    condition     = var.secret_kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.secret_kms_key_arn))
    error_message = "secret_kms_key_arn must be the ARN of a KMS key (arn:aws:kms:REGION:ACCOUNT:key/ID; not of an alias), or null for AWS' own key."
  }

  validation {
    condition     = var.secret_kms_key_arn == null || !var.create_secret
    error_message = "secret_kms_key_arn must be null with create_secret = true: the secret created here is encrypted with AWS' own key."
  }
}

variable "enable_archive" {
  description = "Whether to create a bucket to which cleanup copies documents, verifying each copy, before it deletes them."
  type        = bool
  default     = false
}

variable "archive_versioning" {
  description = "Whether the archive keeps overwritten and deleted objects for another 30 days."
  type        = bool
  default     = false
}

variable "archive_cold_after_days" {
  description = "Days after which an archived object moves to a colder storage class (Glacier Instant Retrieval)."
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
    error_message = "archive_expire_after_days must be above archive_cold_after_days: an object must move to the colder class before it expires."
  }
}
