"""What of S3 needs no server: places, options, errors, XML."""

import email.utils
import time
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.backends.storage.s3 import documents
from greenlithops.backends.storage.s3.checksums import crc32c_text, stored_check
from greenlithops.backends.storage.s3.failures import answered
from greenlithops.backends.storage.s3.places import place
from greenlithops.backends.storage.web import retry_after
from greenlithops.errors import (
    AccessDenied,
    BucketTaken,
    ChecksumMismatch,
    InvalidName,
    NoSuchBucket,
    NoSuchKey,
    NotSupported,
    StorageError,
    StorageFull,
    StorageThrottled,
    StorageTimeout,
    StorageUnavailable,
    UsageError,
)
from greenlithops.objects import Part
from greenlithops.registry import storage_backend
from greenlithops.storage.async_storage import AsyncStorage

# Places.


@pytest.mark.parametrize(
    ("endpoint", "bucket", "addressing", "url"),
    [
        ("http://127.0.0.1:9000", "bucket", "auto", "http://127.0.0.1:9000/bucket/a%20key"),
        ("http://[::1]:9000", "bucket", "auto", "http://[::1]:9000/bucket/a%20key"),
        ("http://localhost", "bucket", "auto", "http://localhost/bucket/a%20key"),
        ("https://s3.example.org", "bucket", "auto", "https://bucket.s3.example.org/a%20key"),
        ("https://s3.example.org", "bucket", "path", "https://s3.example.org/bucket/a%20key"),
        # A certificate is for one name before the first dot.
        ("https://s3.example.org", "my.bucket", "auto", "https://s3.example.org/my.bucket/a%20key"),
        ("http://s3.example.org", "my.bucket", "auto", "http://my.bucket.s3.example.org/a%20key"),
        ("https://s3.example.org", "Upper", "auto", "https://s3.example.org/Upper/a%20key"),
        ("https://example.org:8/s3/", "bucket", "path", "https://example.org:8/s3/bucket/a%20key"),
        (
            "https://example.org:8/s3",
            "bucket",
            "virtual",
            "https://bucket.example.org:8/s3/a%20key",
        ),
    ],
)
def test_places(endpoint, bucket, addressing, url):
    found = place(endpoint, bucket, addressing, "us-east-1")
    assert str(found.url(found.of("a key"), "")) == url


@pytest.mark.parametrize("key", ["../a", "..", "./.", "//x//", "/a", "a%2Fb", "a+b", "ü", "a?b#c"])
def test_keys_are_sent_as_they_are(key):
    found = place("http://127.0.0.1:9000", "bucket", "path", "r")
    url = found.url(found.of(key), "uploads=")
    encoded = url.raw_path.removeprefix("/bucket/")
    assert url.query_string == "uploads="
    assert encoded.isascii()
    assert bytes.fromhex("".join(_hexes(encoded))).decode() == key


def _hexes(path):
    position = 0
    while position < len(path):
        if path[position] == "%":
            yield path[position + 1 : position + 3]
            position += 3
        else:
            yield f"{ord(path[position]):02x}"
            position += 1


@pytest.mark.parametrize("bucket", ["", "a/b", ".", "..", "arn:aws:s3:::x", "\ud800"])
def test_buckets_that_cannot_be(bucket):
    with pytest.raises(InvalidName):
        place("http://127.0.0.1", bucket, "auto", "r")


def test_virtual_addressing_needs_a_name():
    with pytest.raises(InvalidName, match="addressing='path'"):
        place("http://127.0.0.1:9000", "bucket", "virtual", "r")


# Options.

KEYS = {"access_key_id": "AKIA", "secret_access_key": "hidden"}


@pytest.mark.parametrize(
    ("name", "options", "endpoint"),
    [
        ("minio", {"endpoint": "http://h:9000", "storage_bucket": "b", **KEYS}, "http://h:9000"),
        ("ceph", {"endpoint": "http://h", "session_token": "hidden", **KEYS}, "http://h"),
        ("aws_s3", {"region": "eu-west-1", **KEYS}, None),
        ("aws_s3", {"region_name": "eu-west-1"}, None),
        ("r2", {"account_id": "acc", **KEYS}, "https://acc.r2.cloudflarestorage.com"),
        (
            "ibm_cos",
            {"region": "eu-de", "service_instance_id": "x", **KEYS},
            "https://s3.eu-de.cloud-object-storage.appdomain.cloud",
        ),
        ("ibm_cos", {"endpoint": "https://e", "region": "eu-de", **KEYS}, "https://e"),
        (
            "aliyun_oss",
            {"region": "eu-central-1", "access_key_id": "a", "access_key_secret": "hidden"},
            "https://s3.oss-eu-central-1.aliyuncs.com",
        ),
        (
            "oracle_oss",
            {"region": "uk-london-1", "namespace_name": "ns", "user": "u", **KEYS},
            "https://ns.compat.objectstorage.uk-london-1.oraclecloud.com",
        ),
    ],
)
def test_the_names_and_options_of_lithops(name, options, endpoint):
    backend = storage_backend(name, options)
    assert backend.name == name
    assert backend._options.endpoint == endpoint
    assert "hidden" not in repr(backend) + repr(backend._options)
    assert backend._options.region == options.get("region", options.get("region_name")) or (
        name == "r2" and backend._options.region == "auto"
    )


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("s3", {"endpiont": "x"}, "did you mean 'endpoint'"),
        ("minio", {}, "needs endpoint"),
        ("aliyun_oss", {}, "needs region"),
        ("oracle_oss", {"region": "r", "namespace_name": "n", "user": "u"}, "customer secret key"),
        ("ibm_cos", {"region": "eu-de", "api_key": "k"}, "HMAC"),
        ("s3", {"access_key_id": "a"}, "together"),
        ("s3", {"session_token": "a"}, "comes with"),
        ("s3", {"anonymous": True, **KEYS}, "anonymous"),
        ("s3", {"addressing": "both"}, "addressing"),
        ("s3", {"checksum": "none"}, "checksum"),
        ("s3", {"endpoint": "s3.example.org"}, "URL"),
        ("s3", {"endpoint": "ftp://example.org"}, "URL"),
        ("s3", {"endpoint": "http://user:hidden@example.org"}, "no user"),
        ("s3", {"read_timeout": 0}, "read_timeout"),
    ],
)
def test_options_that_cannot_be(name, options, said):
    with pytest.raises(UsageError, match=said) as caught:
        AsyncStorage(name, **options)
    assert "hidden" not in str(caught.value)


# Errors.


@pytest.mark.parametrize(
    ("status", "code", "key", "kind"),
    [
        (404, "NoSuchKey", "k", NoSuchKey),
        (404, "", "k", NoSuchKey),
        (404, "", None, NoSuchBucket),
        (404, "NoSuchBucket", "k", NoSuchBucket),
        (403, "SignatureDoesNotMatch", "k", AccessDenied),
        (403, "", None, AccessDenied),
        (400, "BadDigest", "k", ChecksumMismatch),
        (400, "RequestTimeout", "k", StorageTimeout),
        (400, "InvalidArgument", "k", StorageError),
        (409, "BucketNotEmpty", None, StorageError),
        (409, "BucketAlreadyExists", None, BucketTaken),
        (409, "OperationAborted", None, StorageUnavailable),
        (429, "", "k", StorageThrottled),
        (500, "", "k", StorageUnavailable),
        (501, "NotImplemented", "k", NotSupported),
        (503, "SlowDown", "k", StorageThrottled),
        (507, "XMinioStorageFull", "k", StorageFull),
    ],
)
def test_answers_as_errors(status, code, key, kind):
    document = {"Code": code, "Message": "text"} if code else {}
    error = answered(status, {"Retry-After": "3"}, document, "bucket", key)
    assert type(error) is kind
    assert (error.bucket, error.key) == ("bucket", key)
    assert getattr(error, "retry_after", 3.0) == 3.0


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, None), ("soon", None), ("2.5", 2.5), ("-1", 0)]
)
def test_retry_after(text, seconds):
    assert retry_after({"Retry-After": text}) == seconds


def test_retry_after_a_date():
    in_a_minute = email.utils.formatdate(time.time() + 60, usegmt=True)
    assert 55 < retry_after({"Retry-After": in_a_minute}) <= 60


# XML.

XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs",)).filter(
        lambda character: not documents.UNWRITABLE.search(character)
    ),
    min_size=1,
)


@given(st.lists(XML_TEXT, max_size=5))
def test_keys_to_delete_survive_xml(keys):
    root = ET.fromstring(documents.deletion(keys))
    assert [entry["Key"] for entry in documents.children(root, "Object")] == keys


def test_listings():
    text = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
    <Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>a+b</NextContinuationToken>
    <EncodingType>url</EncodingType>
    <Contents><Key>b+c%0A</Key><Size>7</Size><ETag>&quot;e&quot;</ETag>
    <LastModified>2026-01-02T03:04:05.678Z</LastModified></Contents>
    <Contents><Key>a</Key><Size>0</Size></Contents>
    <CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>"""
    root = documents.parsed(text)
    page = documents.page(root, "b")
    assert [(entry.key, entry.size, entry.etag) for entry in page.objects] == [
        ("a", 0, ""),
        ("b c\n", 7, "e"),
    ]
    assert page.objects[1].modified == pytest.approx(1767323045.678)
    assert (page.prefixes, page.token) == (["p/"], "a+b")
    assert [entry.key for entry in documents.page(root, "b", "a").objects] == ["b c\n"]


def test_broken_xml_may_be_asked_for_again():
    with pytest.raises(StorageUnavailable, match="XML"):
        documents.parsed(b"<ListBucketResult><Contents>")


def test_parts():
    text = b"""<ListPartsResult><IsTruncated>true</IsTruncated>
    <Part><PartNumber>1</PartNumber><ETag>"a"</ETag><Size>5</Size></Part>
    <Part><PartNumber>4</PartNumber><ETag>"b"</ETag><ChecksumCRC32C>c</ChecksumCRC32C></Part>
    </ListPartsResult>"""
    found = documents.parts(documents.parsed(text))
    assert found == ([Part(1, "a", 5), Part(4, "b", -1, "c")], "4")
    root = ET.fromstring(documents.completion([Part(1, "a&", 5), Part(4, "b", -1, "c")]))
    assert list(documents.children(root, "Part")) == [
        {"PartNumber": "1", "ETag": '"a&"'},
        {"PartNumber": "4", "ETag": '"b"', "ChecksumCRC32C": "c"},
    ]


@given(
    st.lists(st.text("a/.-z0\ue000", max_size=6), max_size=30),
    st.text("a/.-z0\ue000", max_size=6),
)
def test_listing_by_path_from_an_earlier_start_loses_nothing(keys, after):
    start = documents.start_by_path(after)
    start.encode()
    folder = start if start.endswith("/") else f"{start}/"  # passed over, if it is its name
    given_out = [
        key
        for key in keys
        if not start
        or (_by_path(key) > _by_path(start) and (folder == start or not key.startswith(folder)))
    ]
    assert {key for key in keys if key > after} <= set(given_out)


def _by_path(key):
    return key.replace("/", "\x00")


# Checksums.


def test_which_checksum_says_something_of_the_bytes():
    whole = {"ETag": '"900150983cd24fb0d6963f7d28e17f72"'}  # the MD5 of "abc"
    crc = {"x-amz-checksum-crc32c": crc32c_text(b"abc")}
    for headers, name in [
        ({**crc, **whole}, "crc32c"),
        (whole, "md5"),
        ({**whole, "x-amz-server-side-encryption": "AES256"}, "md5"),
    ]:
        check = stored_check(headers)
        check.take(b"abc")
        assert check.wrong() == ""
        check.take(b"d")
        assert name in check.wrong()
    parts = {"ETag": '"x-3"'}
    assert stored_check({"x-amz-checksum-crc32c": "abc=-3", **parts}) is None
    assert stored_check({**crc, "x-amz-checksum-type": "COMPOSITE", **parts}) is None
    assert stored_check({"x-amz-server-side-encryption": "aws:kms", **whole}) is None


def test_checks_follow_pieces():
    check = stored_check({"x-amz-checksum-crc64nvme": "rosUhgp5mIg="})
    for piece in (b"123", memoryview(b"456"), bytearray(b"789")):
        check.take(piece)
    assert check.wrong() == ""  # the check value of CRC-64/NVME
    assert crc32c_text(b"123456789") == "4waSgw=="  # and that of CRC-32C: e3069283
