mock_provider "aws" {
  override_during = plan

  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:ap-northeast-1:123456789012:repository/mock" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "names" {
  command = plan

  assert {
    condition     = aws_s3_bucket.state.bucket == "joytify-terraform-state-123456789012"
    error_message = "The state bucket's name holds the account, since bucket names are global."
  }

  assert {
    condition     = sort([for repository in aws_ecr_repository.this : repository.name]) == tolist(["joytify/cleanup", "joytify/discord", "joytify/stats"])
    error_message = "There is one repository for each function."
  }
}

run "state_is_safe" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.state.versioning_configuration[0].status == "Enabled"
    error_message = "The state bucket is versioned."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.state.block_public_acls,
      aws_s3_bucket_public_access_block.state.block_public_policy,
      aws_s3_bucket_public_access_block.state.ignore_public_acls,
      aws_s3_bucket_public_access_block.state.restrict_public_buckets,
    ])
    error_message = "The state bucket is private."
  }

  assert {
    condition     = one(data.aws_iam_policy_document.state.statement).effect == "Deny"
    error_message = "The state bucket refuses what does not come by TLS."
  }

  assert {
    condition     = aws_dynamodb_table.lock.point_in_time_recovery[0].enabled
    error_message = "The lock table can be restored."
  }
}

run "images_are_kept_as_pushed" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "A tag names one image for ever."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Every image is scanned."
  }
}

run "no_role_for_github_unless_asked_for" {
  command = plan

  assert {
    condition     = length(aws_iam_role.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && output.github_role_arn == null
    error_message = "Without github_repository there is neither role nor provider."
  }
}

run "one_branch_of_one_repository_may_push" {
  command = plan

  variables {
    github_repository = "someone/joytify-pipeline"
  }

  assert {
    condition     = one([for condition in data.aws_iam_policy_document.github_trust[0].statement[0].condition : one(condition.values) if endswith(condition.variable, ":sub")]) == "repo:someone/joytify-pipeline:ref:refs/heads/main"
    error_message = "Only the branch of the repository may assume the role."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.github[0].statement : statement.sid if contains(coalesce(statement.resources, []), "*")] == ["LogIn"]
    error_message = "Besides logging in, the role is for the three repositories."
  }
}

run "githubs_provider_may_be_there" {
  command = plan

  variables {
    github_repository      = "someone/joytify-pipeline"
    create_github_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.github) == 1
    error_message = "An account has one such provider at most."
  }
}

run "github_repository_is_checked" {
  command = plan

  variables {
    github_repository = "https://github.com/someone/joytify-pipeline"
  }

  expect_failures = [var.github_repository]
}

run "github_branch_is_checked" {
  command = plan

  variables {
    github_repository = "someone/joytify-pipeline"
    github_branch     = "*"
  }

  expect_failures = [var.github_branch]
}

run "project_name_is_checked" {
  command = plan

  variables {
    project_name = "Joytify!"
  }

  expect_failures = [var.project_name]
}

run "region_is_checked" {
  command = plan

  variables {
    region = "Tokyo"
  }

  expect_failures = [var.region]
}

run "keep_images_is_checked" {
  command = plan

  variables {
    keep_images = 1
  }

  expect_failures = [var.keep_images]
}
