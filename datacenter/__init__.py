"""The data centre: owns machine-learning datasets and hands the slow work on them to background jobs."""
