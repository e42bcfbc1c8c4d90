# What is deployed, and where. Other variables by purpose: variables_settings.tf (what the functions read),
# variables_operation.tf (how they run and who is notified), variables_storage.tf (secret and archive).

variable "environment" {
  description = "Which of the environments this is; in dev and staging its name is part of every other name."
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
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) >= 2 && length(var.project_name) <= 21
    error_message = "project_name must be 2 to 21 lower-case letters, digits and single hyphens between them, and begin with a letter: ECR takes no others."
  }
}

variable "image_digests" {
  description = "Digest of each function's image; `make push` writes them to images.prod.tfvars.json, or another environment's file."
  type        = object({ stats = string, cleanup = string, discord = string })

  validation {
    condition     = alltrue([for digest in values(var.image_digests) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "image_digests must be sha256: and 64 hex digits for each of stats, cleanup and discord: a tag may move, so none is taken. `make push` writes them."
  }
}

variable "image_registry" {
  description = "ECR of this region that the images are pulled from, as host and optional path, if not this account's own. Another account's must admit this one (`pull_account_ids` of its bootstrap)."
  type        = string
  default     = null

  # Lambda pulls from ECR of its own region only; the emulator also from this machine.
  # https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
  validation {
    condition = var.image_registry == null || can(regex(
      "^([0-9]{12}[.]dkr[.]ecr[.]${var.region}[.]amazonaws[.]com([.]cn)?|(localhost|127[.]0[.]0[.]1):[0-9]+)(/[a-z0-9._-]+)*$", var.image_registry
    ))
    error_message = "image_registry must be an ECR of the function's own region without scheme and without a slash at its end, such as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com: Lambda pulls from no other registry. Leave it out for this account's own ECR."
  }
}
