# Roles that GitHub workflows assume through OIDC, without stored keys: one to push images, one to plan, one to apply.
# Each is restricted to the context of a workflow: a branch, a pull request, or an environment with reviewers.
locals {
  github_host = "token.actions.githubusercontent.com"
  # An account can have only one GitHub OIDC provider, so this ARN is right whether this stack creates it or it already exists.
  github_provider_arn = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:oidc-provider/${local.github_host}"

  # A token's subject names the repository in one of two forms, depending on when the repository was created or last renamed.
  # https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
  github_name = var.github_repository == null ? [] : split("/", var.github_repository)
  github_subjects = var.github_repository == null ? [] : compact([
    "repo:${var.github_repository}",
    var.github_ids == null ? "" : format("repo:%s@%d/%s@%d", local.github_name[0], var.github_ids.owner, local.github_name[1], var.github_ids.repository),
  ])

  # The contexts in which a workflow may assume each role; they match .github/workflows.
  github_branch = "ref:refs/heads/${var.github_branch}"
  github_roles = var.github_repository == null ? {} : merge(
    {
      push = { contexts = [local.github_branch], does = "Pushes images" }
      plan = { contexts = [local.github_branch, "pull_request"], does = "Plans" }
    },
    var.github_apply_policy_arn == null ? {} : {
      apply = { contexts = ["environment:production"], does = "Applies" }
    },
  )
  github_policies = {
    push = data.aws_iam_policy_document.github_push.json
    plan = data.aws_iam_policy_document.github_plan.json
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_github_provider && var.github_repository != null ? 1 : 0

  url            = "https://${local.github_host}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "github_trust" {
  # checkov:skip=CKV_AWS_358:the claim is matched exactly, as repository and context without wildcards

  for_each = local.github_roles

  statement {
    sid     = "WorkflowMayAssume"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.github_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_host}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.github_host}:sub"
      values   = [for pair in setproduct(local.github_subjects, each.value.contexts) : join(":", pair)]
    }
  }
}

data "aws_iam_policy_document" "github_push" {
  statement {
    sid     = "LogIn"
    actions = ["ecr:GetAuthorizationToken"]
    # This action does not support resource-level permissions.
    resources = ["*"]
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for repository in aws_ecr_repository.this : repository.arn]
  }
}

# Anyone who opens a pull request from a branch of the repository can run code with this role. The role may read the
# state, the configuration of this project's resources, and tags and some configuration of all other resources, but no
# secrets, logs or messages, no table items except the state's checksum, and no S3 objects except the state.
data "aws_iam_policy_document" "github_plan" {
  # checkov:skip=CKV_AWS_356:these actions do not support resource-level permissions, or read no content

  statement {
    sid       = "ReadState"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.state.arn}/*"]
  }

  dynamic "statement" {
    for_each = aws_dynamodb_table.lock

    content {
      sid       = "ReadChecksumOfState"
      actions   = ["dynamodb:GetItem"]
      resources = [statement.value.arn]
    }
  }

  statement {
    sid = "ReadOwnConfiguration"
    actions = [
      "dynamodb:Describe*",
      "events:DescribeRule",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:List*",
      "lambda:GetFunction*",
      "lambda:GetPolicy",
      "lambda:ListVersionsByFunction",
      "s3:GetAccelerateConfiguration",
      "s3:GetBucket*",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      "s3:ListBucket*",
      "sns:GetTopicAttributes",
      "sqs:GetQueue*",
      "states:DescribeStateMachine",
      "states:ListStateMachineVersions",
    ]
    resources = [
      "arn:${data.aws_partition.this.partition}:s3:::${var.project_name}-*",
      "arn:${data.aws_partition.this.partition}:*:*:${data.aws_caller_identity.this.account_id}:*${var.project_name}-*",
    ]
  }

  statement {
    sid = "ReadTagsAndOtherConfiguration"
    actions = [
      "cloudwatch:DescribeAlarms",
      "cloudwatch:GetDashboard",
      "cloudwatch:ListTagsForResource",
      "dynamodb:ListTagsOfResource",
      "events:ListTagsForResource",
      "events:ListTargetsByRule",
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListAliases",
      "kms:ListResourceTags",
      "lambda:ListTags",
      "logs:DescribeLogGroups",
      "logs:ListTagsForResource",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy",
      "secretsmanager:ListSecrets",
      "sns:GetSubscriptionAttributes",
      "sns:ListTagsForResource",
      "sqs:ListQueueTags",
      "states:ListTagsForResource",
      # Validates the definition in the request; reads nothing.
      "states:ValidateStateMachineDefinition",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "github" {
  for_each = local.github_roles

  name               = "${var.project_name}-github-${each.key}"
  description        = "${each.value.does} from workflows of ${var.github_repository}"
  assume_role_policy = data.aws_iam_policy_document.github_trust[each.key].json
  depends_on         = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "github" {
  for_each = setintersection(keys(local.github_policies), keys(local.github_roles))

  name   = each.key
  role   = aws_iam_role.github[each.key].id
  policy = local.github_policies[each.key]
}

resource "aws_iam_role_policy_attachment" "github_apply" {
  count = contains(keys(local.github_roles), "apply") ? 1 : 0

  role       = aws_iam_role.github["apply"].name
  policy_arn = var.github_apply_policy_arn
}

# Earlier versions had a single role.
moved {
  from = aws_iam_role.github[0]
  to   = aws_iam_role.github["push"]
}

moved {
  from = aws_iam_role_policy.github[0]
  to   = aws_iam_role_policy.github["push"]
}
