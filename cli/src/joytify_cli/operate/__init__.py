"""Commands that operators use on a deployed pipeline or a local stack."""
