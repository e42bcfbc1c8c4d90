# The state is in the bucket that this stack creates; docs/deploy.md says how to move it there.
#   terraform init -backend-config=../backend.hcl -backend-config=key=bootstrap.tfstate
terraform {
  backend "s3" {}
}
