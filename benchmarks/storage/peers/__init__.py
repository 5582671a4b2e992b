"""One way for every client: an asynchronous context that gives get, put, head and list."""
