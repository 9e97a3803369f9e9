"""Benchmarking training scripts: run as they are, seeded, counted, tested and filmed, over environments and seeds."""
