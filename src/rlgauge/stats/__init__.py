"""Statistics of what was measured: functions of numbers that return Summaries, and know nothing of what was run."""
