"""Table storages: the contract of MySQL and Hive, and what their adapters share."""
