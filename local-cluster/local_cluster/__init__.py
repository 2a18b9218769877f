"""A Kubernetes cluster on this machine, for the demo, the tests and CI."""
