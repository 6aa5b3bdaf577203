"""The use cases about storages: register, change and remove them, and look at what they hold."""
