"""Experts: policies that show how a task is done. They are trained, shipped, or had from elsewhere."""
