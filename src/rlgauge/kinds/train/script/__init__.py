"""What runs in the script's own process; it imports as little as it can, for the script is to start as if alone."""
