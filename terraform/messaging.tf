resource "aws_sns_topic" "notifications" {
  name              = local.topic_name
  display_name      = "Joytify pipeline"
  kms_master_key_id = aws_kms_key.this.arn
}

data "aws_iam_policy_document" "notifications" {
  source_policy_documents = [data.aws_iam_policy_document.topic["notifications"].json]

  statement {
    sid       = "FunctionsMayPublish"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${local.account}:root"]
    }

    # Each role's own policy decides whether the function may publish; discord's role may not.
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = [for name in local.names : "arn:${data.aws_partition.this.partition}:iam::${local.account}:role/${name}"]
    }
  }

  # With a condition on the account, EventBridge could never publish, since its requests do not contain the account.
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
  dynamic "statement" {
    for_each = var.allow_eventbridge_publish ? [1] : []

    content {
      sid       = "EventsMayPublish"
      actions   = ["sns:Publish"]
      resources = [local.topic_arn]

      principals {
        type        = "Service"
        identifiers = ["events.amazonaws.com"]
      }
    }
  }
}

# Statements common to both topics.
data "aws_iam_policy_document" "topic" {
  for_each = { notifications = local.topic_arn, operators = local.operators_topic_arn }

  statement {
    sid       = "OnlyByTLS"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [each.value]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "AlarmsOfThisAccountMayPublish"
    actions   = ["sns:Publish"]
    resources = [each.value]

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
}

resource "aws_sns_topic_policy" "notifications" {
  arn    = aws_sns_topic.notifications.arn
  policy = data.aws_iam_policy_document.notifications.json
}

resource "aws_sns_topic_subscription" "discord" {
  topic_arn      = aws_sns_topic.notifications.arn
  protocol       = "lambda"
  endpoint       = module.function["discord"].arn
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.this["discord-undelivered"].arn })
}

resource "aws_lambda_permission" "topic" {
  statement_id  = "TopicMayInvoke"
  action        = "lambda:InvokeFunction"
  function_name = module.function["discord"].name
  principal     = "sns.amazonaws.com"
  source_arn    = aws_sns_topic.notifications.arn
}

# The record of messages that discord has posted: a redelivered message is not posted again, and an alarm's post is edited
# when the alarm ends.
resource "aws_dynamodb_table" "memory" {
  # checkov:skip=CKV_AWS_28:losing it only causes a second post
  # checkov:skip=CKV_AWS_119:AWS' own key is sufficient for message ids

  name         = "${local.prefix}-discord-memory"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"

  attribute {
    name = "id"
    type = "S"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  server_side_encryption {
    enabled = true
  }
}

# Second route for alarms: failures of discord and lost reports are also reported by email.
resource "aws_sns_topic" "operators" {
  count = var.alarm_email == null ? 0 : 1

  name              = local.operators_topic_name
  display_name      = "Joytify alarms"
  kms_master_key_id = aws_kms_key.this.arn
}

resource "aws_sns_topic_policy" "operators" {
  count = var.alarm_email == null ? 0 : 1

  arn    = aws_sns_topic.operators[0].arn
  policy = data.aws_iam_policy_document.topic["operators"].json
}

resource "aws_sns_topic_subscription" "operators" {
  count = var.alarm_email == null ? 0 : 1

  topic_arn = aws_sns_topic.operators[0].arn
  protocol  = "email"
  endpoint  = var.alarm_email
}
