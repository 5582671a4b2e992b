"""Google's Cloud Run: calls are requests to a container, results come in the replies."""
