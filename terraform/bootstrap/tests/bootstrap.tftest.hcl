mock_provider "aws" {
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
