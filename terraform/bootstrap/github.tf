# What CI on GitHub assumes to push images, by OIDC and with no key of its own. It may push and nothing else: who may
# apply is for each account to decide.
locals {
  github_count = var.github_repository == "" ? 0 : 1
  github_host  = "token.actions.githubusercontent.com"
  # An account has one such provider; where it exists already, this is its ARN.
  github_provider_arn = "arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:oidc-provider/${local.github_host}"
}

resource "aws_iam_openid_connect_provider" "github" {
  count = var.create_github_provider ? local.github_count : 0

  url            = "https://${local.github_host}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "github_trust" {
  # checkov:skip=CKV_AWS_358:the claim is the whole of repository and branch, whose names are variables without patterns

  count = local.github_count

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
      values   = ["repo:${var.github_repository}:ref:refs/heads/${var.github_branch}"]
    }
  }
}

data "aws_iam_policy_document" "github" {
  count = local.github_count

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

resource "aws_iam_role" "github" {
  count = local.github_count

  name               = "${var.project_name}-github-push"
  description        = "Pushes images from workflows of ${var.github_repository}"
  assume_role_policy = data.aws_iam_policy_document.github_trust[0].json
  depends_on         = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "github" {
  count = local.github_count

  name   = "push"
  role   = aws_iam_role.github[0].id
  policy = data.aws_iam_policy_document.github[0].json
}
