"""Code shared by the functions of the pipeline."""
