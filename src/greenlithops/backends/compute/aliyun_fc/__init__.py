"""Alibaba's Function Compute: calls are invocations, and their results come in the replies."""
