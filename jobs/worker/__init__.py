"""The worker process around the engine: Celery, which receives rings, signals, liveness and metrics."""
