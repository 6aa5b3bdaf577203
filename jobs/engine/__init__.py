"""The engine: claims shards and runs their step, with a heartbeat, for every kind of job."""
