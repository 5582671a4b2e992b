"""Storages that speak S3: a lean path of our own for what is frequent, aiobotocore for the rest."""

from greenlithops.backends.storage.s3.backend import S3Storage as S3Storage
from greenlithops.backends.storage.s3.options import Options as Options
