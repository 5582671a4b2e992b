"""Functions behind HTTP: whatever runs `greenlithops.worker.application` at an address."""
