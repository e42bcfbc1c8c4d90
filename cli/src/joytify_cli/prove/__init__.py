"""Commands that run and check the whole pipeline on a local stack or a local AWS."""
