"""The database: the engine with its short transactions, and the diagnosis of its errors."""
