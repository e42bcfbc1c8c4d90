# What workflows on GitHub assume, by OIDC and with no key of their own: one role to push images, one to plan, one to
# apply. Each is bound to where a workflow runs: a branch, a pull request, an environment with reviewers.
locals {
  github_host = "token.actions.githubusercontent.com"
  # An account has one such provider; where it exists already, this is its ARN.
  github_provider_arn = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:oidc-provider/${local.github_host}"

  # A token's subject names the repository in one of two forms. With ids a name that somebody else takes over is worth
  # nothing. https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
  github_name = var.github_repository == null ? [] : split("/", var.github_repository)
  github_subjects = var.github_repository == null ? [] : compact([
    "repo:${var.github_repository}",
    var.github_ids == null ? "" : format("repo:%s@%d/%s@%d", local.github_name[0], var.github_ids.owner, local.github_name[1], var.github_ids.repository),
  ])

  # Where a workflow must run to assume the role, and which managed policy the role has besides its own actions.
  github_roles = var.github_repository == null ? {} : merge(
    {
      push = { context = "ref:refs/heads/${var.github_branch}", does = "Pushes images", managed = null }
      plan = { context = "pull_request", does = "Plans", managed = "arn:${data.aws_partition.this.partition}:iam::aws:policy/ReadOnlyAccess" }
    },
    var.github_apply_policy_arn == null ? {} : {
      apply = { context = "environment:${var.github_environment}", does = "Applies", managed = var.github_apply_policy_arn }
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
  # checkov:skip=CKV_AWS_358:the claim is the whole of repository and context, whose names are variables without patterns

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
      values   = [for subject in local.github_subjects : "${subject}:${each.value.context}"]
    }
  }
}

data "aws_iam_policy_document" "github_push" {
  statement {
    sid     = "LogIn"
    actions = ["ecr:GetAuthorizationToken"]
    # ECR has no resource for it.
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

# Whoever opens a pull request from a branch of the repository can run code with this role. It reads how things are
# configured, and the state; no secret, no object of another bucket, no item, message or log line.
data "aws_iam_policy_document" "github_plan" {
  # checkov:skip=CKV_AWS_356:a refusal is for every resource

  statement {
    sid    = "ReadNoContent"
    effect = "Deny"
    actions = [
      "kms:Decrypt",
      "logs:FilterLogEvents",
      "logs:GetLogEvents",
      "logs:StartQuery",
      "secretsmanager:BatchGetSecretValue",
      "secretsmanager:GetSecretValue",
      "sqs:ReceiveMessage",
    ]
    resources = ["*"]

    # The state is decrypted by S3.
    condition {
      test     = "StringNotEqualsIfExists"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.${data.aws_partition.this.dns_suffix}"]
    }
  }

  statement {
    sid           = "ReadNoOtherObjects"
    effect        = "Deny"
    actions       = ["s3:GetObject*"]
    not_resources = ["${aws_s3_bucket.state.arn}/*"]
  }

  statement {
    sid           = "ReadNoOtherItems"
    effect        = "Deny"
    actions       = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:PartiQLSelect", "dynamodb:Query", "dynamodb:Scan"]
    not_resources = [aws_dynamodb_table.lock.arn]
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

  name   = "own-actions"
  role   = aws_iam_role.github[each.key].id
  policy = local.github_policies[each.key]
}

resource "aws_iam_role_policy_attachment" "github" {
  for_each = { for name, role in local.github_roles : name => role.managed if role.managed != null }

  role       = aws_iam_role.github[each.key].name
  policy_arn = each.value
}
