"""The use cases of storages: register, change and remove them, and browse their content."""
