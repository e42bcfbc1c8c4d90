# In the bucket that this stack makes itself; docs/deploy.md says how it gets there.
#   terraform init -backend-config=../backend.hcl -backend-config=key=bootstrap.tfstate
terraform {
  backend "s3" {}
}
