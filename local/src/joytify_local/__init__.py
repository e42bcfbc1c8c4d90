"""Run AWS, the backend, Discord and MongoDB, or stand-ins for them, on one machine."""
