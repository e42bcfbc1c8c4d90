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
