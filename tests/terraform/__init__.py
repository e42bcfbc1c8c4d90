"""A package, so that the deployment is destroyed as soon as its tests are over."""
