locals {
  # These queues keep undelivered messages and failed events for two weeks; an alarm is raised if a queue is not empty.
  queues = {
    stats-failed        = "Events that ${local.names.stats} failed to process in three attempts, or that Lambda's recursive loop detection stopped. Read the error in the function's log, fix the cause, then invoke the function again: nobody is notified of a month twice."
    cleanup-failed      = "Events for ${local.names.cleanup} whose three attempts have failed, or that Lambda's recursive loop detection stopped. Read the error in the function's log, fix the cause, then invoke the function again${var.enable_fan_out ? "; the queue also holds the input of failed executions of the state machine: start a new execution with it" : ""}."
    discord-failed      = "Messages for Discord whose three attempts have failed. Check whether the webhook in the secret still exists, and read discord's log."
    discord-undelivered = "Messages that the topic could not deliver to ${local.names.discord}. Check whether the function exists and may be invoked."
    schedules-missed    = "Scheduled events that EventBridge could not deliver to their function${var.enable_fan_out ? " or state machine" : ""}. Start the function${var.enable_fan_out ? " or state machine" : ""} by hand with the event in the queue."
  }
}

resource "aws_sqs_queue" "this" {
  for_each = local.queues

  name                      = "${local.prefix}-${each.key}"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

locals {
  # Services that may send to a queue, in addition to the functions' roles.
  senders = {
    discord-undelivered = { service = "sns.amazonaws.com", sources = [local.topic_arn] }
    schedules-missed    = { service = "events.amazonaws.com", sources = [for rule in aws_cloudwatch_event_rule.this : rule.arn] }
  }
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  statement {
    sid       = "OnlyByTLS"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [aws_sqs_queue.this[each.key].arn]

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

  dynamic "statement" {
    for_each = { for name, sender in local.senders : name => sender if name == each.key }

    content {
      sid       = "MayKeepUndelivered"
      actions   = ["sqs:SendMessage"]
      resources = [aws_sqs_queue.this[each.key].arn]

      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value.sources
      }
    }
  }
}

resource "aws_sqs_queue_policy" "this" {
  for_each = local.queues

  queue_url = aws_sqs_queue.this[each.key].url
  policy    = data.aws_iam_policy_document.queue[each.key].json
}
