"""Push channels: one module for each kind of server."""
