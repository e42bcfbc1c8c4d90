variable "project_name" {
  description = "Prefix of every name."
  type        = string
  default     = "joytify"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.project_name))
    error_message = "project_name must be 2 to 21 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  description = "AWS region of the state, the repositories and everything that is deployed from them."
  type        = string
  default     = "ap-northeast-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as ap-northeast-1."
  }
}

variable "keep_images" {
  description = "How many images each repository keeps: as many rollbacks are possible."
  type        = number
  default     = 20

  validation {
    condition     = var.keep_images >= 2 && var.keep_images <= 1000 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number from 2 to 1000: with fewer than 2 there is nothing to roll back to."
  }
}
