"""Zip: the directory is read and checked before the entries; our own zip is laid out before it is written."""
