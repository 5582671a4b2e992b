"""Google Cloud Storage: plain requests, with the credentials of gcloud-aio."""

from greenlithops.backends.storage.gcs.backend import GcsStorage

__all__ = ["GcsStorage"]
