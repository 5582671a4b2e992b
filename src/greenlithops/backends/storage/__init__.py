"""The object storages, each behind `greenlithops.objects.StorageBackend`."""
