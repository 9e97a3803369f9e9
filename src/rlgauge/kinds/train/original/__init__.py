"""Trainings by the original library's own scripts, in an environment of its own, to be compared with."""
