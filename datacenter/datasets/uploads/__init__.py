"""Uploads of archives, by tus through this server or in parts directly to the storage."""
