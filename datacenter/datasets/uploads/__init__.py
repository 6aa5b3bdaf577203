"""Uploads: archives on their way in, by tus through this server or in parts straight to the storage."""
