"""Every signature is the one that botocore makes."""

import time
from typing import NamedTuple

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as TheirCredentials
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.backends.storage.s3.places import place
from greenlithops.backends.storage.s3.sigv4 import (
    EMPTY,
    UNSIGNED,
    Credentials,
    Signer,
    Target,
    query_string,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=40)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
NAMES = st.from_regex(r"(x-amz-meta-[a-z0-9-]{1,10}|content-type|if-match|range)", fullmatch=True)


class Asked(NamedTuple):
    """A request, and when and by whom it is signed."""

    method: str
    url: str
    headers: dict[str, str]
    payload: str
    credentials: Credentials
    region: str
    now: float


def by_botocore(asked):
    """Return the Authorization header that botocore makes, at a time of our choice."""

    class Auth(S3SigV4Auth):
        def payload(self, request):
            return asked.payload

    request = AWSRequest(asked.method, asked.url, headers=asked.headers)
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(asked.now))
    ours = asked.credentials
    theirs = Auth(
        TheirCredentials(ours.access_key, ours.secret_key, ours.token), "s3", asked.region
    )
    # As its add_auth does, which looks at the clock.
    theirs._modify_request_before_signing(request)
    text = theirs.string_to_sign(request, theirs.canonical_request(request))
    theirs._inject_signature_to_request(request, theirs.signature(text, request))
    return request.headers["Authorization"]


@given(
    endpoint=st.sampled_from(["http://127.0.0.1:9000", "https://s3.example.org"]),
    bucket=st.sampled_from(["bucket", "with.dots"]),
    key=TEXT,
    query=st.dictionaries(TEXT, st.text(max_size=20), max_size=4),
    asked=st.builds(
        Asked,
        method=st.sampled_from(["GET", "PUT", "HEAD", "POST", "DELETE"]),
        url=st.just(""),
        headers=st.dictionaries(NAMES, VALUES, max_size=4),
        payload=st.sampled_from([EMPTY, UNSIGNED, "ab" * 32]),
        credentials=st.builds(
            Credentials,
            st.just("AKIA"),
            st.just("s3cr3t/+"),
            st.one_of(st.none(), st.from_regex(r"[A-Za-z0-9/+=]{1,60}", fullmatch=True)),
        ),
        region=st.sampled_from(["us-east-1", "eu-central-1", "auto"]),
        now=st.integers(1_600_000_000, 1_900_000_000),
    ),
)
def test_as_botocore_signs(endpoint, bucket, key, query, asked):
    where = place(endpoint, bucket, "auto", asked.region)
    path, parameters = where.of(key), query_string(query)
    ours = Signer(asked.credentials, asked.region).sign(
        Target(asked.method, where.host, path, parameters), asked.headers, asked.payload, asked.now
    )
    asked = asked._replace(url=str(where.url(path, parameters)))
    assert ours["authorization"] == by_botocore(asked)


def test_one_signer_over_days():
    credentials = Credentials("AKIA", "secret")
    signer = Signer(credentials, "us-east-1")
    target = Target("GET", "127.0.0.1:9000", "/bucket/key")
    for now in (1_700_000_000, 1_700_000_000.9, 1_700_086_400, 1_700_000_001):
        url = "http://127.0.0.1:9000/bucket/key"
        theirs = by_botocore(Asked("GET", url, {}, EMPTY, credentials, "us-east-1", now))
        assert signer.sign(target, {}, EMPTY, now)["authorization"] == theirs


def test_secrets_are_not_shown():
    credentials = Credentials("AKIA", "secret", "token")
    assert "secret" not in repr(credentials)
    assert "token" not in repr(credentials)
