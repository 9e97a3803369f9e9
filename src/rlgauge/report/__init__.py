"""Reports: functions of readings and summaries that return text; they know nothing of what was run."""
