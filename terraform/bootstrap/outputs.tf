output "state_bucket" {
  description = "Bucket of all Terraform state: `bucket` in backend.hcl."
  value       = aws_s3_bucket.state.bucket
}

output "lock_table" {
  description = "Table of the state's locks: `dynamodb_table` in backend.hcl; null without a table."
  value       = one(aws_dynamodb_table.lock[*].name)
}

output "repositories" {
  description = "URL of each function's repository; `make push` pushes there."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}

output "backend_hcl" {
  description = "The stacks' backend.hcl: `terraform output -raw backend_hcl > ../backend.hcl`. It does not set encryption, so the bucket's default encryption applies."
  value = join("", [for line in concat(
    [
      "bucket       = \"${aws_s3_bucket.state.bucket}\"",
      "region       = \"${var.region}\"",
      "use_lockfile = true",
    ],
    [for table in aws_dynamodb_table.lock : "dynamodb_table = \"${table.name}\""],
  ) : "${line}\n"])
}

output "github_role_arns" {
  description = "Roles that workflows of the GitHub repository assume to push images, to plan and to apply; empty without a repository."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}
