"""The worker process: Celery that hears rings, signals, liveness and metrics around the engine."""
