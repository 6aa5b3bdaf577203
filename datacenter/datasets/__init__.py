"""Datasets: records, manifests, labels, and the use cases on them."""
