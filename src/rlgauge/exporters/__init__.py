"""A store as others keep results: as one zip file, or as a tree of Sacred folders."""
