"""Google's Cloud Functions, second generation: calls are requests, results come in the replies."""
