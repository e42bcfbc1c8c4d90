# Beside dev.tfvars, in the same account: names hold the environment in dev, and each has its own state and database.
environment = "prod"
alarm_email = "operators@example.org"
