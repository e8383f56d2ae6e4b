"""The declared chain, in Python and in YAML."""
