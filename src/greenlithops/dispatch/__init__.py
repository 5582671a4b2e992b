"""From a call to its outcome: planning, serializing, feeding workers, retrying."""
