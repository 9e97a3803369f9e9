"""Policies of every origin behind one batched call."""
