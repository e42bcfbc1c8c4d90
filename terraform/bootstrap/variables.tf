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
  description = "How many images each repository keeps. All environments share it, so what prod runs must not be pushed out by what dev tries."
  type        = number
  default     = 200

  validation {
    condition     = var.keep_images >= 2 && var.keep_images <= 1000 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number from 2 to 1000: with fewer than 2 there is nothing to roll back to."
  }
}

variable "github_repository" {
  description = "GitHub repository, as owner/name, whose workflows may push images; empty for none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?$", var.github_repository))
    error_message = "github_repository must be owner/name of a GitHub repository, or empty for none."
  }
}

variable "github_branch" {
  description = "Branch whose workflows may push images."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,200}$", var.github_branch))
    error_message = "github_branch must be the name of one branch; a pattern would let other branches push too."
  }
}

variable "create_github_provider" {
  description = "Whether to create GitHub's identity provider; an account has at most one, so false where it is there."
  type        = bool
  default     = true
}
