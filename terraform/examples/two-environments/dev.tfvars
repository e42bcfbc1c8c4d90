# db_name must not be prod's: with prod's database, dev's cleanup would delete prod's data.
environment          = "dev"
db_name              = "joytify-dev"
enable_test_schedule = true
