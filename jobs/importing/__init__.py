"""The parts of an import: staging, and one file per archive format."""
