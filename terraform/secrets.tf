# Created without a value: an operator or the secret's owner sets it, so it never passes through Terraform or its state.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV_AWS_149:AWS' own key is sufficient; IAM decides who may read it
  # checkov:skip=CKV2_AWS_57:Atlas, Discord and the backend issue the values, so rotation starts there

  count = var.create_secret ? 1 : 0

  name        = local.secret_name
  description = "Credentials and settings of the Joytify pipeline; docs/configuration.md lists the keys"
  # Outside prod, the secret is deleted immediately, so that a recreated environment can use the same name.
  recovery_window_in_days = var.environment == "prod" ? 30 : 0
}

data "aws_secretsmanager_secret" "this" {
  count = var.create_secret ? 0 : 1

  name = local.secret_name
}

locals {
  secret_arn = var.create_secret ? aws_secretsmanager_secret.this[0].arn : data.aws_secretsmanager_secret.this[0].arn
}
