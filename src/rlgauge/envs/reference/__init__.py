"""Environments of our own in JAX, each with a twin in NumPy that it is checked against."""
