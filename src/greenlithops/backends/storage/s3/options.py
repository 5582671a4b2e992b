"""How an S3 is reached: one frozen value, whoever the provider is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from greenlithops.backends.storage.s3.places import checked_endpoint
from greenlithops.backends.storage.s3.sigv4 import Credentials
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from greenlithops.backends.storage.s3.places import Addressing

Checksum = Literal["crc32c", "md5"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a storage that speaks S3 needs to know.

    Attributes:
        name: the storage's, as in the registry.
        endpoint: its URL; None for AWS, or what botocore is configured with.
        region: with which requests are signed; None for botocore's, else ``us-east-1``.
        access_key_id: the access key; None to look for credentials as botocore does.
        secret_access_key: its secret.
        session_token: of temporary credentials.
        profile: the section of AWS' configuration files to use.
        anonymous: sign nothing.
        addressing: whether the bucket is in the ``"path"``, in the host (``"virtual"``), or
            there where it can (``"auto"``).
        checksum: what a body is sent with. A server that does not answer that it checked a
            CRC-32C is held to the MD5 that it gives as the etag.
        conditional_writes: whether the server heeds conditions on writes; None to find out with a
            probe object before the first conditional write.
        as_ceph: etags are compared with what a condition says as it is, quotes included; and
            underscores in names of metadata, which it would store as hyphens, are refused.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
        as_files: the server keeps objects as files: keys that it would store under another name
            are refused, and its order of paths is made that of keys as far as can be.
    """

    name: str = "s3"
    endpoint: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    profile: str | None = None
    anonymous: bool = False
    addressing: Addressing = "auto"
    checksum: Checksum = "crc32c"
    conditional_writes: bool | None = None
    as_ceph: bool = False
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    as_files: bool = False

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            checked_endpoint(self.endpoint)
        if self.addressing not in ("auto", "path", "virtual"):
            raise UsageError(f"addressing is 'auto', 'path' or 'virtual', not {self.addressing!r}")
        if self.checksum not in ("crc32c", "md5"):
            raise UsageError(f"checksum is 'crc32c' or 'md5', not {self.checksum!r}")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise UsageError("access_key_id and secret_access_key are given together, or neither")
        if self.session_token is not None and self.access_key_id is None:
            raise UsageError("a session_token comes with its access_key_id and secret_access_key")
        if self.anonymous and (self.access_key_id or self.profile):
            raise UsageError("anonymous does not go with credentials or a profile")
        if self.connect_timeout <= 0 or self.read_timeout <= 0:
            raise UsageError("connect_timeout and read_timeout are seconds, more than 0")

    @property
    def credentials(self) -> Credentials | None:
        """The access key that was given, if one was."""
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return Credentials(self.access_key_id, self.secret_access_key, self.session_token)
