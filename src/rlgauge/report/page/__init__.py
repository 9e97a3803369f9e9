"""The report as one page of HTML: figures are SVG made here, so that they show without a script or a network."""
