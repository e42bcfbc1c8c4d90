"""AWS, the backend, Discord and MongoDB on one machine."""
