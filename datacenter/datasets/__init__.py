"""Datasets: records, manifests, labels, and their use cases."""
