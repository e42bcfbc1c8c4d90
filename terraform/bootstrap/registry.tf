locals {
  functions = toset(["stats", "cleanup", "discord"])
}

resource "aws_ecr_repository" "this" {
  for_each = local.functions

  name                 = "${var.project_name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each = local.functions

  repository = aws_ecr_repository.this[each.key].name
  policy = jsonencode({
    rules = concat(
      [for index, environment in ["prod", "staging", "dev"] : {
        rulePriority = index + 1
        description  = "Keep the images that ${environment} can be rolled back to."
        selection    = { tagStatus = "tagged", tagPrefixList = ["${environment}-"], countType = "imageCountMoreThan", countNumber = var.keep_images }
        action       = { type = "expire" }
      }],
      [{
        rulePriority = 4
        description  = "Expire old images without an environment's tag."
        selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = var.keep_images }
        action       = { type = "expire" }
      }],
    )
  })
}

data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "LambdaMayPull"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:SourceArn"
      # Functions of these accounts may run the images.
      values = [
        for account in setunion([data.aws_caller_identity.this.account_id], var.pull_account_ids) :
        "arn:${data.aws_partition.this.partition}:lambda:${var.region}:${account}:function:*"
      ]
    }
  }

  # An identity in another account that creates a function needs access to the image, as does Lambda itself.
  # https://docs.aws.amazon.com/lambda/latest/dg/images-create.html
  dynamic "statement" {
    for_each = length(var.pull_account_ids) == 0 ? [] : [1]

    content {
      sid     = "OtherAccountsMayPull"
      actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

      principals {
        type        = "AWS"
        identifiers = [for account in var.pull_account_ids : "arn:${data.aws_partition.this.partition}:iam::${account}:root"]
      }
    }
  }
}

resource "aws_ecr_repository_policy" "this" {
  for_each = local.functions

  repository = aws_ecr_repository.this[each.key].name
  policy     = data.aws_iam_policy_document.pull.json
}
