output "state_bucket" {
  description = "Bucket of the root stack's state: `bucket` in backend.hcl."
  value       = aws_s3_bucket.state.bucket
}

output "lock_table" {
  description = "Table of the state's locks: `dynamodb_table` in backend.hcl."
  value       = aws_dynamodb_table.lock.name
}

output "repositories" {
  description = "URL of each function's repository; `make push` pushes there."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "backend_hcl" {
  description = "The root stack's backend.hcl: `terraform output -raw backend_hcl > ../backend.hcl`. It says nothing of encryption, so that the bucket's own holds."
  value       = <<-EOT
    bucket         = "${aws_s3_bucket.state.bucket}"
    region         = "${var.region}"
    dynamodb_table = "${aws_dynamodb_table.lock.name}"
    use_lockfile   = true
  EOT
}

output "github_role_arn" {
  description = "Role that a workflow of the GitHub repository assumes to push images; null without one."
  value       = one(aws_iam_role.github[*].arn)
}
