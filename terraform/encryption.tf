# A customer managed key: CloudWatch cannot publish to a topic that is encrypted with AWS' own key, whose policy cannot be
# changed.
resource "aws_kms_key" "this" {
  description             = "Topics and archive of the ${local.prefix} pipeline"
  enable_key_rotation     = true
  deletion_window_in_days = var.environment == "prod" ? 30 : 7
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${local.prefix}-pipeline"
  target_key_id = aws_kms_key.this.key_id
}

data "aws_iam_policy_document" "key" {
  # checkov:skip=CKV_AWS_109:a key policy applies only to its key
  # checkov:skip=CKV_AWS_111:see above
  # checkov:skip=CKV_AWS_356:see above

  statement {
    sid       = "AccountDecidesByIAM"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "AlarmsMayPublish"
    actions   = ["kms:GenerateDataKey*", "kms:Decrypt"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  # No condition on aws:SourceAccount: SNS does not support this condition for messages from EventBridge, and would deliver none of these messages.
  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
  dynamic "statement" {
    for_each = var.allow_eventbridge_publish ? [1] : []

    content {
      sid       = "EventsMayPublish"
      actions   = ["kms:GenerateDataKey*", "kms:Decrypt"]
      resources = ["*"]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:sns:topicArn"
        values   = [local.topic_arn]
      }
    }
  }
}
