"""Which bucket a storage has where none is configured."""

DEFAULT_BUCKET = "storage"  #: of the storages that make their buckets themselves
#: where a bucket is made by the first object in it, as in Lithops
MAKE_BUCKETS = frozenset({"localhost", "memory", "redis"})
