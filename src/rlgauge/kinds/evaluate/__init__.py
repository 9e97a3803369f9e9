"""Evaluating policies over environments: success, return, length, latency, videos."""
