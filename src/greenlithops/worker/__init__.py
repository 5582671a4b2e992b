"""What runs on the other side: standard library only, until a call needs more."""
