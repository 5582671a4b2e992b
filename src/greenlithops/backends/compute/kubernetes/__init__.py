"""Kubernetes: calls run in pods of the user's own cluster, fed by streams of a Redis."""
