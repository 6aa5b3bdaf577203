"""Zip: the directory is read and checked before any entry is, and ours is laid out before it is written."""
