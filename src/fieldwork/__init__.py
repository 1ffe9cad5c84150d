"""The project: what runs, in which order, on which files."""
