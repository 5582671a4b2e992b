"""Azure Container Apps: calls are requests to a container, results come in the replies."""
