"""The worker image: the engine and one module per kind of job."""
