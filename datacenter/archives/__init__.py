"""Archives: read untrusted ones with every check, lay out our own before a byte of them exists."""
