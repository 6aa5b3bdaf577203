"""Label formats: how labels and annotations are read from and written to files, one format a file."""
