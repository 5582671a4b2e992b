"""Real servers for tests: where they come from, how they are started, killed and ended."""

from support.servers.kinds import start_azurite, start_fake_gcs, start_juicefs, start_seaweedfs
from support.servers.kinds import start_azurite_queue as start_azurite_queue
from support.servers.kinds import start_ceph as start_ceph
from support.servers.kinds import start_valkey as start_valkey
from support.servers.process import Server

__all__ = [
    "Server",
    "start_azurite",
    "start_azurite_queue",
    "start_fake_gcs",
    "start_juicefs",
    "start_seaweedfs",
    "start_valkey",
]
