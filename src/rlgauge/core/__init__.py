"""The shape everything shares: cases, runs, records, workloads and the folder that keeps them."""
