# Every variable except image_digests and the renamed variables, with a value other than its default; ../README.md describes each variable.
environment  = "staging"
region       = "eu-west-1"
project_name = "music"

# ECR of another account, whose bootstrap lists this account in pull_account_ids.
image_registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

lambda_memory_size               = 2048
monthly_stats_timeout_seconds    = 900
playback_cleanup_timeout_seconds = 600
reserved_concurrency             = -1
enable_fan_out                   = true
fan_out_workers                  = 16
cloudwatch_log_retention_days    = 90
alarm_email                      = "operators@example.org"
permissions_boundary_arn         = "arn:aws:iam::123456789012:policy/boundary"
allow_eventbridge_publish        = true
enable_schedules                 = false
monthly_stats_schedule           = "cron(30 3 1 * ? *)"
weekly_cleanup_schedule          = "cron(0 5 ? * SUN *)"
enable_test_schedule             = true
test_schedule_expression         = "rate(10 minutes)"

# An existing secret, encrypted with a customer managed key.
create_secret      = false
secret_name        = "music/staging"
secret_kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"

enable_archive            = true
archive_versioning        = true
archive_cold_after_days   = 30
archive_expire_after_days = 365

db_name                        = "music-staging"
log_level                      = "DEBUG"
backend_push_size              = 500
read_preference                = "secondaryPreferred"
cleanup_days                   = 90
cleanup_batch_size             = 5000
cleanup_batch_delay_ms         = 250
cleanup_timeout_safety_minutes = 9
cleanup_deletion_limit_percent = 80
cleanup_max_continuations      = 14
storage_limit_mb               = 10240
storage_alert_percent          = 90
