"""A store as others keep results: one zip file, a tree of Sacred folders, files of physical-ai or lerobot."""
