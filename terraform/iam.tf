data "aws_iam_policy_document" "secret" {
  statement {
    sid       = "ReadSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.secret_arn]
  }

  dynamic "statement" {
    for_each = var.secret_kms_key_arn[*]

    content {
      sid       = "DecryptSecret"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.region}.${data.aws_partition.this.dns_suffix}"]
      }
    }
  }
}

data "aws_iam_policy_document" "job" {
  source_policy_documents = [data.aws_iam_policy_document.secret.json]

  statement {
    sid       = "PublishOutcome"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
  }

  statement {
    sid       = "EncryptOutcome"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sns.${var.region}.${data.aws_partition.this.dns_suffix}"]
    }
  }

  statement {
    sid     = "LookForLastSuccess"
    actions = ["cloudwatch:GetMetricData"]
    # GetMetricData does not support resource-level permissions.
    resources = ["*"]
  }
}

data "aws_iam_policy_document" "stats" {
  source_policy_documents = [data.aws_iam_policy_document.job.json]

  statement {
    sid       = var.enable_fan_out ? "Continue" : "StartCleanupAndContinue"
    actions   = ["lambda:InvokeFunction"]
    resources = var.enable_fan_out ? [local.function_arns.stats] : [local.function_arns.cleanup, local.function_arns.stats]
  }

  dynamic "statement" {
    for_each = var.enable_fan_out ? [local.fan_out_arn] : []

    content {
      sid       = "StartFanOut"
      actions   = ["states:StartExecution"]
      resources = [statement.value]
    }
  }
}

data "aws_iam_policy_document" "cleanup" {
  source_policy_documents = concat(
    [data.aws_iam_policy_document.job.json],
    data.aws_iam_policy_document.write_archive[*].json,
  )

  statement {
    sid       = "Continue"
    actions   = ["lambda:InvokeFunction"]
    resources = [local.function_arns.cleanup]
  }
}

data "aws_iam_policy_document" "write_archive" {
  count = var.enable_archive ? 1 : 0

  statement {
    sid       = "FindArchive"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.archive[0].arn]
  }

  statement {
    sid = "WriteAndVerifyArchive"
    # HeadObject, which verifies the written object, needs GetObject.
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["${aws_s3_bucket.archive[0].arn}/*"]
  }

  statement {
    sid       = "EncryptArchive"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [aws_kms_key.this.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.${data.aws_partition.this.dns_suffix}"]
    }
  }
}

data "aws_iam_policy_document" "discord" {
  source_policy_documents = [data.aws_iam_policy_document.secret.json]

  statement {
    sid       = "RememberPosts"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem"]
    resources = [aws_dynamodb_table.memory.arn]
  }
}
