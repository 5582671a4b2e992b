"""Storage in Redis or Valkey: every operation is one atomic script."""

from greenlithops.backends.storage.redis.backend import RedisStorage

__all__ = ["RedisStorage"]
