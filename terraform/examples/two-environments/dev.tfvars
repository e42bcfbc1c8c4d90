# With prod's database its cleanup would delete prod's data.
environment          = "dev"
db_name              = "joytify-dev"
enable_test_schedule = true
