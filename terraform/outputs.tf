output "functions" {
  description = "Name of each function, for `aws lambda invoke --function-name`."
  value       = { for key, function in module.function : key => function.name }
}

output "images" {
  description = "Image that each function runs, by digest."
  value       = { for key, digest in var.image_digests : key => "${local.registry}/${var.project_name}/${key}@${digest}" }
}

output "log_groups" {
  description = "Log group of each function, for `aws logs filter-log-events --log-group-name`."
  value       = { for key, function in module.function : key => function.log_group }
}

output "topic_arn" {
  description = "ARN of the topic whose messages the discord function posts."
  value       = aws_sns_topic.notifications.arn
}

output "secret_name" {
  description = "Secret whose value you must set by hand; docs/configuration.md lists its keys."
  value       = local.secret_name
}

output "rules" {
  description = "Schedule of each rule."
  value       = { for rule in aws_cloudwatch_event_rule.this : rule.name => rule.schedule_expression }
}

output "queues" {
  description = "URL of each dead-letter queue."
  value       = { for key, queue in aws_sqs_queue.this : key => queue.url }
}

output "state_machine_arn" {
  description = "State machine that divides cleanup, for `aws stepfunctions start-execution --state-machine-arn`; null without fan-out."
  value       = one(aws_sfn_state_machine.fan_out[*].arn)
}

output "archive_bucket" {
  description = "Bucket of the archive; null without an archive."
  value       = one(aws_s3_bucket.archive[*].bucket)
}

output "dashboard_url" {
  description = "URL of the CloudWatch dashboard."
  value       = "https://${local.console}/cloudwatch/home?region=${var.region}#dashboards/dashboard/${aws_cloudwatch_dashboard.this.dashboard_name}"
}
