"""Stand-ins of our own for the control planes of function services; what they run is real."""
