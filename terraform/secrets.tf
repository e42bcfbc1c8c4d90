# Made empty: its value is put in by hand or by the secret's own owner, and never passes through Terraform or its state.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV_AWS_149:AWS' own key is enough; who may read it is decided by IAM
  # checkov:skip=CKV2_AWS_57:its values are made by Atlas, Discord and the backend, and changed there first

  count = var.create_secret ? 1 : 0

  name        = local.secret_name
  description = "What the Joytify pipeline needs to know; docs/configuration.md lists the keys"
  # Elsewhere a stack is removed and made anew under the same name.
  recovery_window_in_days = var.environment == "prod" ? 30 : 0
}

data "aws_secretsmanager_secret" "this" {
  count = var.create_secret ? 0 : 1

  name = local.secret_name
}

locals {
  secret_arn = var.create_secret ? aws_secretsmanager_secret.this[0].arn : data.aws_secretsmanager_secret.this[0].arn
}
