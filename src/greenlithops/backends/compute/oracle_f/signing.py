"""Oracle's signature of a request: RSA-SHA256 over the headers that say what is sent, and when.

Source: Oracle Cloud Infrastructure, "Request Signatures", version 1; the tests hold it against
Oracle's own client.
"""

from __future__ import annotations

import base64
import hashlib
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from yarl import URL

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from greenlithops.backends.compute.oracle_f.options import OracleOptions

_ALWAYS = ("date", "(request-target)", "host")
_WITH_BODY = ("content-length", "content-type", "x-content-sha256")


class Signer:
    """Signs requests of one user.

    Args:
        key_id: tenancy, user and fingerprint, with slashes between them.
        key: the private key.
    """

    def __init__(self, key_id: str, key: rsa.RSAPrivateKey) -> None:
        self._key_id = key_id
        self._key = key

    @classmethod
    def of(cls, options: OracleOptions) -> Signer:
        """Return the signer of the user in the options; it reads a file.

        Raises:
            ConfigurationError: the key cannot be read.
        """
        try:
            pem = (options.key_content or "").encode()
            if options.key_file is not None:
                pem = Path(options.key_file).expanduser().read_bytes()
            phrase = None if options.pass_phrase is None else options.pass_phrase.encode()
            key = serialization.load_pem_private_key(pem, phrase)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigurationError(
                f"oracle_f: the private key cannot be read: {error}; give key_file and, if it has "
                "one, pass_phrase"
            ) from error
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigurationError("oracle_f: the private key is no RSA key")
        return cls(f"{options.tenancy}/{options.user}/{options.fingerprint}", key)

    def sign(
        self, method: str, url: str, body: bytes, kind: str, date: str | None = None
    ) -> dict[str, str]:
        """Return the headers of a request, its signature among them.

        Args:
            method: HTTP's.
            url: where to.
            body: what is sent.
            kind: its content type.
            date: when it is sent, as HTTP has it; None for now.
        """
        place = URL(url)  # as it will be sent
        headers = {"date": date or formatdate(usegmt=True)}
        if place.host_port_subcomponent is not None:
            headers["host"] = place.host_port_subcomponent
        names = list(_ALWAYS)
        if method in {"POST", "PUT", "PATCH"}:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            headers |= {
                "content-length": str(len(body)),
                "content-type": kind,
                "x-content-sha256": digest,
            }
            names += _WITH_BODY
        said = headers | {"(request-target)": f"{method.lower()} {place.raw_path_qs}"}
        text = "\n".join(f"{name}: {said[name]}" for name in names)
        raw = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        signature = base64.b64encode(raw).decode()
        authorization = (
            f'Signature algorithm="rsa-sha256",headers="{" ".join(names)}",'
            f'keyId="{self._key_id}",signature="{signature}",version="1"'
        )
        return {**headers, "authorization": authorization}
