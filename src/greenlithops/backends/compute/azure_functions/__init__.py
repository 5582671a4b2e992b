"""Azure Functions: calls are requests, results come in the replies."""
