"""Two sets of runs, candidate and baseline, and what can be said of their difference; knows readings, never a kind."""
