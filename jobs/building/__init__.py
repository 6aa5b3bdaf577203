"""The parts of building an archive, which export and download share."""
