mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/mock" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/lambda/mock" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:ap-northeast-1:123456789012:function:mock" }
  }
}

variables {
  name              = "joytify-example"
  description       = "An example"
  image_uri         = "localhost:5000/joytify/stats@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  timeout           = 300
  policy            = "{}"
  failure_queue_arn = "arn:aws:sqs:ap-northeast-1:123456789012:joytify-example-failed"
  alarm_actions     = ["arn:aws:sns:ap-northeast-1:123456789012:joytify-lambda-notifications"]
}

run "a_function_with_its_settings" {
  command = apply

  assert {
    condition     = aws_lambda_function.this.package_type == "Image" && aws_lambda_function.this.image_uri == var.image_uri
    error_message = "The function runs the image by its digest."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this.name == "/aws/lambda/joytify-example" && aws_cloudwatch_log_group.this.retention_in_days == 30
    error_message = "The log group has the function's name and the requested retention."
  }

  assert {
    condition     = aws_lambda_function_event_invoke_config.this.maximum_retry_attempts == 2 && aws_lambda_function_event_invoke_config.this.destination_config[0].on_failure[0].destination == var.failure_queue_arn
    error_message = "An asynchronous event is tried three times, then sent to the queue."
  }
}

run "the_role_may_write_its_own_log_and_create_no_group" {
  command = apply

  assert {
    condition     = [for statement in data.aws_iam_policy_document.this.statement : [sort(statement.actions), tolist(statement.resources)] if statement.sid == "WriteLog"] == [[tolist(["logs:CreateLogStream", "logs:PutLogEvents"]), tolist(["arn:aws:logs:ap-northeast-1:123456789012:log-group:/aws/lambda/mock:*"])]]
    error_message = "The role may write to its own log group, and may not create groups."
  }

  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.this.statement : !contains(statement.resources, "*")])
    error_message = "No statement allows every resource."
  }
}

run "alarms" {
  command = plan

  assert {
    condition = { for kind, alarm in aws_cloudwatch_metric_alarm.this : kind => [alarm.metric_name, tostring(alarm.threshold)] } == {
      errors    = ["Errors", "1"]
      throttles = ["Throttles", "1"]
      duration  = ["Duration", "270000"]
      dropped   = ["AsyncEventsDropped", "1"]
    }
    error_message = "There are alarms for errors, throttled calls, long runs and dropped events."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.period * (alarm.evaluation_periods - 1) >= var.timeout && alarm.datapoints_to_alarm == 1])
    error_message = "The alarm's evaluation periods cover a run that took the whole timeout: Lambda stamps the metric with the run's start."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.ok_actions == alarm.alarm_actions && length(alarm.alarm_description) > 60])
    error_message = "Every alarm also notifies when it ends, and its description says what to do."
  }
}

run "values_out_of_range_are_refused" {
  command = plan

  variables {
    image_uri            = "123456789012.dkr.ecr.ap-northeast-1.amazonaws.com/joytify/stats:latest"
    name                 = "with space"
    memory_size          = 64
    timeout              = 901
    reserved_concurrency = -2
  }

  expect_failures = [
    var.image_uri,
    var.name,
    var.memory_size,
    var.timeout,
    var.reserved_concurrency,
  ]
}

run "image_uri_with_a_tag_is_refused" {
  command = plan

  variables {
    image_uri = "localhost:5000/joytify/stats:v1@sha256:1111111111111111111111111111111111111111111111111111111111111111"
  }

  expect_failures = [var.image_uri]
}

run "image_uri_with_half_a_digest_is_refused" {
  command = plan

  variables {
    image_uri = "joytify/stats@sha256:1111"
  }

  expect_failures = [var.image_uri]
}
