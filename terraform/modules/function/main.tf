# Created before the function. The function's role may not create log groups, since a group that Lambda creates has no
# retention period.
resource "aws_cloudwatch_log_group" "this" {
  # checkov:skip=CKV_AWS_158:CloudWatch encrypts it, and no secret is logged
  # checkov:skip=CKV_AWS_338:the caller sets the retention

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "this" {
  # checkov:skip=CKV_AWS_50:a run is one process; log and metrics contain the information of a trace
  # checkov:skip=CKV_AWS_116:failed events go to the on-failure destination below
  # checkov:skip=CKV_AWS_117:MongoDB Atlas and Discord are reached over the internet, which would need a NAT gateway in a VPC
  # checkov:skip=CKV_AWS_173:Lambda encrypts the environment variables, which hold no secret
  # checkov:skip=CKV_AWS_272:code signing does not support images; the image is referenced by digest

  function_name = var.name
  description   = var.description
  role          = aws_iam_role.this.arn
  package_type  = "Image"
  image_uri     = var.image_uri
  # The platform that `make build` builds and `make push` accepts.
  architectures                  = ["x86_64"]
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment
  }

  # A run that starts before the role has its permissions would fail.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = 2
  maximum_event_age_in_seconds = 21600

  destination_config {
    on_failure {
      destination = var.failure_queue_arn
    }
  }
}
