"""Archives: read foreign ones under suspicion, lay out our own before a byte of them exists."""
