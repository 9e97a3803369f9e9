"""Tuning: a search for configurations, and those found judged anew on seeds that the search never saw."""
