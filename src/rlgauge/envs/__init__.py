"""Environment libraries, one file each."""
