"""The engine: claims shards and carries them through their step, with a heartbeat, for every kind of job alike."""
