"""The synchronous face: Lithops' names, and the standard library's executor, over one loop."""
