"""The parts of an import: staging, and one module per source: zip, tar, prefix and table."""
