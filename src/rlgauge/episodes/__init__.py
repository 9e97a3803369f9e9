"""Playing episodes: policies, the rollout and videos."""
