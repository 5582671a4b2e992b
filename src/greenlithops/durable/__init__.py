"""Jobs that outlive their client: what they need to go on is in storage, sealed."""
