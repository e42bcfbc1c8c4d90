variable "project_name" {
  description = "Prefix of all names."
  type        = string
  default     = "joytify"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project_name)) && length(var.project_name) >= 2 && length(var.project_name) <= 21
    error_message = "project_name must be 2 to 21 characters that ECR accepts: lower-case letters, digits and single hyphens between them, beginning with a letter."
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

variable "create_lock_table" {
  description = "Whether to create a DynamoDB table for state locks in addition to the lock file in the bucket, for stacks of your own that use the bucket with Terraform before 1.10. Newer versions of Terraform warn that locking with a table is deprecated."
  type        = bool
  default     = false
}

variable "keep_images" {
  description = "Number of images that each repository keeps for each environment; an image without an environment's tag is kept while its repository has fewer than this number of newer images."
  type        = number
  default     = 200

  validation {
    condition     = var.keep_images >= 2 && var.keep_images <= 1000 && floor(var.keep_images) == var.keep_images
    error_message = "keep_images must be a whole number from 2 to 1000: with fewer than 2 there is nothing to roll back to."
  }
}

variable "pull_account_ids" {
  description = "Other accounts whose functions in this region may run the images of these repositories; in those accounts, set `image_registry` to this registry."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.pull_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "pull_account_ids must be AWS account ids of 12 digits."
  }
}

variable "github_repository" {
  description = "GitHub repository, as owner/name, whose workflows may push images, plan and apply; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.github_repository == null || can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github_repository))
    error_message = "github_repository must be owner/name of a GitHub repository, or null for none."
  }
}

variable "github_ids" {
  description = "Numeric ids of the repository's owner and of the repository; `gh api repos/OWNER/NAME --jq '{owner: .owner.id, repository: .id}'` prints them. GitHub puts them into the tokens of repositories created, renamed or transferred since July 2026, and of older repositories that opted in. Always set them: if null, only tokens without ids are admitted."
  type        = object({ owner = number, repository = number })
  default     = null

  validation {
    condition     = var.github_ids == null || try(alltrue([for id in values(var.github_ids) : id > 0 && floor(id) == id]), false)
    error_message = "github_ids must be the numeric ids of the owner and of the repository, such as { owner = 583231, repository = 1300192 }, or null to admit only tokens without ids."
  }
}

variable "github_branch" {
  description = "Branch whose workflows may push images."
  type        = string
  default     = "main"

  validation {
    condition     = can(regex("^[A-Za-z0-9._/-]{1,200}$", var.github_branch))
    error_message = "github_branch must be the name of one branch: GitHub's token must contain exactly this name, so a pattern matches no branch."
  }
}

variable "github_apply_policy_arn" {
  description = "ARN of the IAM policy for workflows that apply, such as arn:aws:iam::aws:policy/AdministratorAccess: an apply creates roles, so it needs permissions on the account's IAM. If null, there is no role that applies; keep null if the GitHub environment `production` has no required reviewers."
  type        = string
  default     = null

  validation {
    condition     = var.github_apply_policy_arn == null || can(regex("^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/.+$", var.github_apply_policy_arn))
    error_message = "github_apply_policy_arn must be the ARN of an IAM policy, or null for no apply role."
  }
}

variable "create_github_provider" {
  description = "Whether to create GitHub's OIDC identity provider; an account can have only one, so set false if it exists."
  type        = bool
  default     = true
}
