"""Knative: calls run in a Service that a cluster scales between nothing and many pods."""
