"""Azure Blob Storage: plain requests, signed by the SDK's own policy."""

from greenlithops.backends.storage.azure.backend import AzureStorage

__all__ = ["AzureStorage"]
