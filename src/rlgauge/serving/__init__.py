"""Serving a policy to others: the other end of `ws://` policies."""
