# Used with dev.tfvars in the same account: the names of dev contain the environment; each environment has its own state and database.
environment = "prod"
alarm_email = "operators@example.org"
