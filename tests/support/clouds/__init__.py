"""Stand-ins for clouds' control planes, which take only what the published descriptions allow."""
