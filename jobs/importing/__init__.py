"""The parts of an import: staging, one file per archive format, and the copying of what lies under a prefix."""
