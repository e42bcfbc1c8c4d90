"""What operators use: look, try, call."""
