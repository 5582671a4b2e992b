"""Apache OpenWhisk: calls run in an action, and come back in the records of its activations."""
