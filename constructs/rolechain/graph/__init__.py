"""Roles and who may assume whom, read from templates; who is let in, as sets of requests."""
