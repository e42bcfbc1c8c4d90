mock_provider "aws" {
  override_during = plan

  mock_resource "aws_ecr_repository" {
    defaults = { arn = "arn:aws:ecr:ap-northeast-1:123456789012:repository/mock" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::mock" }
  }

  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:ap-northeast-1:123456789012:table/mock" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "names" {
  command = plan

  assert {
    condition     = aws_s3_bucket.state.bucket == "joytify-terraform-state-123456789012"
    error_message = "The state bucket's name must contain the account id, since bucket names are global."
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
    error_message = "The state bucket refuses requests without TLS."
  }

  assert {
    condition     = length(aws_dynamodb_table.lock) == 0 && !strcontains(output.backend_hcl, "dynamodb_table") && strcontains(output.backend_hcl, "use_lockfile = true")
    error_message = "The state is locked by a file in the bucket."
  }
}

run "a_lock_table_for_an_older_terraform" {
  command = plan

  variables {
    create_lock_table = true
  }

  assert {
    condition     = aws_dynamodb_table.lock[0].point_in_time_recovery[0].enabled && strcontains(output.backend_hcl, "dynamodb_table = \"joytify-terraform-lock\"")
    error_message = "The lock table can be restored, and backend.hcl names it."
  }
}

run "tags_cannot_be_moved_and_images_are_scanned" {
  command = plan

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_tag_mutability == "IMMUTABLE"])
    error_message = "A tag cannot be moved to another image."
  }

  assert {
    condition     = alltrue([for repository in aws_ecr_repository.this : repository.image_scanning_configuration[0].scan_on_push])
    error_message = "Every image is scanned."
  }
}

run "a_push_for_one_environment_expires_no_image_of_another" {
  command = plan

  assert {
    condition = alltrue([for policy in aws_ecr_lifecycle_policy.this :
      [for rule in jsondecode(policy.policy).rules : try(rule.selection.tagPrefixList[0], "any")] == ["prod-", "staging-", "dev-", "any"] &&
      [for rule in jsondecode(policy.policy).rules : rule.rulePriority] == [1, 2, 3, 4]
    ])
    error_message = "Each environment's images have a rule of their own, and the rule for all others comes last, as ECR requires."
  }
}

run "no_role_for_github_by_default" {
  command = plan

  assert {
    condition     = length(aws_iam_role.github) == 0 && length(aws_iam_openid_connect_provider.github) == 0 && output.github_role_arns == {}
    error_message = "Without github_repository there is neither role nor provider."
  }
}

run "each_role_admits_only_its_contexts" {
  command = plan

  variables {
    github_repository       = "someone/joytify-pipeline"
    github_apply_policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
  }

  assert {
    condition = { for role, trust in data.aws_iam_policy_document.github_trust : role => flatten([for condition in trust.statement[0].condition : condition.values if endswith(condition.variable, ":sub")]) } == {
      push  = ["repo:someone/joytify-pipeline:ref:refs/heads/main"]
      plan  = ["repo:someone/joytify-pipeline:ref:refs/heads/main", "repo:someone/joytify-pipeline:pull_request"]
      apply = ["repo:someone/joytify-pipeline:environment:production"]
    }
    error_message = "One branch may push and plan, pull requests may plan, an environment with reviewers may apply."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.github_push.statement : statement.sid if contains(coalesce(statement.resources, []), "*")] == ["LogIn"]
    error_message = "Except for logging in, the role that pushes may use only the three repositories."
  }

  assert {
    condition = alltrue([for statement in data.aws_iam_policy_document.github_plan.statement : alltrue([
      for action in statement.actions : !can(regex("[*]$", action)) || can(regex(":(Describe|List|ListBucket|GetBucket|GetFunction|GetQueue)[*]$", action))
    ])])
    error_message = "The role that plans has no wildcard action that reads content."
  }

  assert {
    condition     = { for statement in data.aws_iam_policy_document.github_plan.statement : statement.sid => one(statement.resources) if contains(["ReadState", "ReadChecksumOfState"], statement.sid) } == { ReadState = "arn:aws:s3:::mock/*" }
    error_message = "The role that plans may read the state's objects, but no other objects and no table items."
  }
}

run "the_subject_of_a_new_repository_contains_its_ids" {
  command = plan

  variables {
    github_repository = "octocat/my-repo"
    github_ids        = { owner = 123456, repository = 456789 }
  }

  assert {
    # The older form, and the example in GitHub's documentation.
    condition = one([for condition in data.aws_iam_policy_document.github_trust["push"].statement[0].condition : condition.values if endswith(condition.variable, ":sub")]) == tolist([
      "repo:octocat/my-repo:ref:refs/heads/main",
      "repo:octocat@123456/my-repo@456789:ref:refs/heads/main",
    ])
    error_message = "Both forms of the subject are accepted."
  }
}

run "no_workflow_applies_by_default" {
  command = plan

  variables {
    github_repository = "someone/joytify-pipeline"
  }

  assert {
    condition     = keys(aws_iam_role.github) == ["plan", "push"]
    error_message = "Without github_apply_policy_arn, no workflow may apply."
  }
}

run "another_account_may_run_the_images" {
  command = plan

  variables {
    pull_account_ids = ["210987654321"]
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.pull.statement : one(one(statement.principals).identifiers) if statement.sid == "OtherAccountsMayPull"] == ["arn:aws:iam::210987654321:root"]
    error_message = "The other account may pull."
  }

  assert {
    condition     = length(one(one([for statement in data.aws_iam_policy_document.pull.statement : statement.condition if statement.sid == "LambdaMayPull"])).values) == 2
    error_message = "Lambda may pull for the functions of both accounts."
  }
}

run "githubs_provider_may_exist_already" {
  command = plan

  variables {
    github_repository      = "someone/joytify-pipeline"
    create_github_provider = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) == 0 && length(aws_iam_role.github) == 2
    error_message = "An account can have only one provider for GitHub."
  }
}

run "values_out_of_range_are_refused" {
  command = plan

  variables {
    pull_account_ids        = ["somebody"]
    github_apply_policy_arn = "AdministratorAccess"
    github_repository       = "https://github.com/someone/joytify-pipeline"
    project_name            = "Joytify!"
    region                  = "Tokyo"
    keep_images             = 1
  }

  expect_failures = [
    var.pull_account_ids,
    var.github_apply_policy_arn,
    var.github_repository,
    var.project_name,
    var.region,
    var.keep_images,
  ]
}

run "variables_that_need_a_repository_are_checked" {
  command = plan

  variables {
    github_repository = "someone/joytify-pipeline"
    github_ids        = { owner = 0, repository = 1 }
    github_branch     = "*"
  }

  expect_failures = [
    var.github_ids,
    var.github_branch,
  ]
}
