"""The parts of a report, each from what was measured to content without markup."""
