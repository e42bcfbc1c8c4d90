# backend.hcl, an output of terraform/bootstrap, names the bucket; the key selects the environment's state.
#   terraform init -backend-config=backend.hcl -backend-config=key=prod.tfstate
terraform {
  backend "s3" {}
}
