"""Archives of datasets: which files go into one, how it is laid out, and how exports and downloads share it."""
