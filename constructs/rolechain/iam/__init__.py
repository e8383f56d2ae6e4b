"""Facts of IAM and STS, each once."""
