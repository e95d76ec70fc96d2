"""What is installed on Kubernetes, as data: see README.md."""
