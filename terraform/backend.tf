# Which bucket and table: in backend.hcl, which `terraform/bootstrap` gives; which environment's state: by the key.
#   terraform init -backend-config=backend.hcl -backend-config=key=prod.tfstate
terraform {
  backend "s3" {}
}
