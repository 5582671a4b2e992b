"""The standard library's `concurrent`, with executors that run calls on workers."""
