"""A report in other formats than the page: Markdown, LaTeX, CSV and JSON."""
