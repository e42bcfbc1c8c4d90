# Made first, with the retention asked for: Lambda makes one by itself that keeps everything for ever, and only then when
# the role may create groups, which it may not.
resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts it, and no secret is logged
  # checkov:skip=CKV_AWS_338:how long it is kept is for the caller to choose

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:a run is one process; its log and metrics say what a trace would
  # checkov:skip=CKV_AWS_116:failed events go to the on-failure destination below
  # checkov:skip=CKV_AWS_117:MongoDB Atlas and Discord are reached over the internet; in a VPC that costs a NAT gateway
  # checkov:skip=CKV_AWS_173:Lambda encrypts it, and it holds no secret
  # checkov:skip=CKV_AWS_272:images cannot be signed so; this one is named by its digest

  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn
  package_type  = "Image"
  image_uri     = var.image_uri
  # What `make build` builds and `make push` admits.
  architectures                  = ["x86_64"]
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment
  }

  # A run that begins before it may write its log, or do its work, fails for no reason of its own.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = var.maximum_retry_attempts
  maximum_event_age_in_seconds = var.maximum_event_age

  destination_config {
    on_failure {
      destination = var.failure_queue_arn
    }
  }
}
