"""Suites as data: the YAML files beside this one, and what such a file says."""
