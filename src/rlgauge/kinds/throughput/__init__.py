"""Throughput and memory of environments: how many steps per second, of one environment and of very many."""
