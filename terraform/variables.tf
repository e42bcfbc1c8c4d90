# Name, region and images of the deployment. Other variables: variables_settings.tf (settings of the functions),
# variables_operation.tf (how the functions run and who is notified), variables_storage.tf (secret and archive).

variable "environment" {
  description = "Environment: dev, staging or prod. In dev and staging, the names of all resources, including the secret's, contain it."
  type        = string
  default     = "prod"

  validation {
    condition     = contains(["dev", "staging", "prod"], var.environment)
    error_message = "environment must be dev, staging or prod."
  }
}

variable "region" {
  description = "AWS region of all resources."
  type        = string
  default     = "ap-northeast-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as ap-northeast-1."
  }
}

variable "project_name" {
  description = "Prefix of all names, except the secret's."
  type        = string
  default     = "joytify"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) >= 2 && length(var.project_name) <= 21
    error_message = "project_name must be 2 to 21 characters that ECR accepts: lower-case letters, digits and single hyphens between them, beginning with a letter."
  }
}

variable "image_digests" {
  description = "Digest of each function's image; `make push` writes them to images.prod.tfvars.json, or another environment's file."
  type        = object({ stats = string, cleanup = string, discord = string })

  validation {
    condition     = alltrue([for digest in values(var.image_digests) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "image_digests must be sha256: and 64 hex digits for each of stats, cleanup and discord; tags are not accepted, since a tag may move. `make push` writes the digests."
  }
}

variable "image_registry" {
  description = "ECR registry in this region from which the images are pulled, as host and optional path; null for this account's own. A registry in another account must admit this account (`pull_account_ids` of its bootstrap)."
  type        = string
  default     = null

  # Lambda pulls only from ECR in its own region; the emulator also pulls from this machine.
  # https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
  validation {
    condition = var.image_registry == null || can(regex(
      "^([0-9]{12}[.]dkr[.]ecr[.]${var.region}[.]amazonaws[.]com([.]cn)?|(localhost|127[.]0[.]0[.]1):[0-9]+)(/[a-z0-9._-]+)*$", var.image_registry
    ))
    error_message = "image_registry must be an ECR of the function's own region without scheme and without a slash at its end, such as 123456789012.dkr.ecr.ap-northeast-1.amazonaws.com: Lambda cannot pull from other registries. Omit it to use this account's own ECR."
  }
}
