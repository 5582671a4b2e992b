"""Oracle Functions: calls are invocations, and their results come in the replies."""
