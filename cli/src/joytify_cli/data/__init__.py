"""Made-up data, and what must hold of any."""
