"""What S3 storage makes of answers that no server here gives: a small one of our own does."""

import asyncio

import pytest
from aiohttp import web

from greenlithops.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidRange,
    NotSupported,
    StorageThrottled,
    StorageUnavailable,
)
from greenlithops.objects import ListQuery, Part, PutOptions, Upload
from greenlithops.storage.async_storage import AsyncStorage
from support.answering import saying, serving


class Serving:
    """A server on loopback with one handler, and a storage at it."""

    def __init__(self, handle, **options):
        self._handle = handle
        self._options = options

    async def __aenter__(self):
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        keys = {"access_key_id": "a", "secret_access_key": "b"}
        endpoint = f"http://127.0.0.1:{port}"
        self._storage = AsyncStorage("s3", endpoint=endpoint, **keys, **self._options)
        return await self._storage.__aenter__()

    async def __aexit__(self, *error):
        await self._storage.close()
        await self._runner.cleanup()


# Buckets of other regions: as AWS answers, since no server here has regions.


class Regions:
    """A server that knows one bucket, in another region than asked for, and one clock."""

    def __init__(self, status, document, headers, clock="Sun, 22 Nov 2026 02:33:24 GMT"):
        self.refusal = (status, document, headers)
        self.asked = []
        self.clock = clock

    async def handle(self, request):
        scope = request.headers["Authorization"].split("/")
        self.asked.append((request.method, scope[2], request.headers["x-amz-date"]))
        await request.read()
        if scope[2] != "eu-west-1":
            status, document, headers = self.refusal
            text = "" if request.method == "HEAD" else document
            return web.Response(status=status, text=text, headers=headers)
        return web.Response(headers={"ETag": '"x"'}, body=b"content")


DOCUMENT = "<Error><Code>{}</Code><Message>m</Message><Region>eu-west-1</Region></Error>"


@pytest.mark.parametrize(
    ("status", "code", "headers"),
    [
        (301, "PermanentRedirect", {"x-amz-bucket-region": "eu-west-1"}),
        (307, "TemporaryRedirect", {"x-amz-bucket-region": "eu-west-1"}),
        (400, "AuthorizationHeaderMalformed", {}),
    ],
)
async def test_buckets_are_followed_to_their_region(status, code, headers):
    regions = Regions(status, DOCUMENT.format(code), headers)
    async with Serving(regions.handle) as storage:
        assert await storage.get("bucket", "key") == b"content"
        assert await storage.get("bucket", "key") == b"content"
        if headers:
            await storage.head("bucket", "key")
    assert [region for _, region, _ in regions.asked][:3] == ["us-east-1", "eu-west-1", "eu-west-1"]


async def test_heads_are_followed_by_their_header_alone():
    regions = Regions(301, "", {"x-amz-bucket-region": "eu-west-1"})
    async with Serving(regions.handle) as storage:
        assert (await storage.head("bucket", "key")).etag == "x"


async def test_a_clock_that_is_wrong_is_made_up_for():
    asked = []

    async def handle(request):
        asked.append(request.headers["x-amz-date"])
        if not asked[-1].startswith("20300101T"):
            document = "<Error><Code>RequestTimeTooSkewed</Code></Error>"
            headers = {"Date": "Tue, 01 Jan 2030 12:00:00 GMT"}
            return web.Response(status=403, text=document, headers=headers)
        return web.Response(body=b"content")

    async with Serving(handle) as storage:
        assert await storage.get("bucket", "key") == b"content"
        assert await storage.get("bucket", "key") == b"content"
    assert len(asked) == 3


async def test_a_wrong_clock_is_made_up_for_by_all_who_were_under_way():
    """They were signed by the wrong clock together; what answers HEAD does not say why it fails."""
    waiting = asyncio.Barrier(4)

    async def handle(request):
        if not request.headers["x-amz-date"].startswith("20300101T"):
            await waiting.wait()
            document = "<Error><Code>RequestTimeTooSkewed</Code></Error>"
            text = document if request.method == "GET" else None
            headers = {"Date": "Tue, 01 Jan 2030 12:00:00 GMT"}
            return web.Response(status=403, text=text, headers=headers)
        return web.Response(body=b"content")

    async with Serving(handle) as storage:
        gets = [storage.get("bucket", "key") for _ in range(2)]
        heads = [storage.head("bucket", "key") for _ in range(2)]
        found = await asyncio.gather(*gets, *heads)
        assert found[:2] == [b"content"] * 2
        assert [info.size for info in found[2:]] == [7, 7]


async def test_who_may_not_is_told_so_at_once_whatever_the_clocks_say():
    asked = []

    async def handle(request):
        asked.append(request.headers["x-amz-date"])
        return web.Response(status=403, headers={"Date": "Tue, 01 Jan 2030 12:00:00 GMT"})

    async with Serving(handle) as storage:
        with pytest.raises(AccessDenied):
            await storage.head("bucket", "key")
    assert len(asked) == 2


# Credentials that others give.


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", AccessDenied),
        (400, "Throttling", StorageUnavailable),
    ],
)
async def test_a_role_that_is_not_given(status, code, error, monkeypatch, tmp_path):
    config = tmp_path / "config"
    config.write_text(
        "[profile role]\nrole_arn=arn:aws:iam::123456789012:role/x\nsource_profile=base\n"
        "[profile base]\naws_access_key_id=a\naws_secret_access_key=b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    text = f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>"
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
    async with serving(saying(answer)) as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{port}")
        options = {"profile": "role", "region": "us-east-1", "endpoint": "http://127.0.0.1:1"}
        async with AsyncStorage("s3", retries=0, **options) as storage:
            with pytest.raises(error, match="renewed"):
                await storage.get("bucket", "key")


# Answers that say 200 and mean something else, and the like.


async def test_errors_of_single_keys_in_a_deletion_of_many():
    async def handle(request):
        assert request.headers["content-md5"]
        text = await request.text()
        assert text.count("<Key>") == 3
        one = "<Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        two = "<Error><Key>b</Key><Code>NoSuchKey</Code></Error>"
        return web.Response(text=f"<DeleteResult>{one}{two}</DeleteResult>")

    async with Serving(handle) as storage:
        errors = await storage.backend.delete("bucket", ["a", "b", "c"])
        assert {key: type(error) for key, error in errors.items()} == {"a": AccessDenied}
        with pytest.raises(AccessDenied):
            await storage.delete_many("bucket", ["a", "b", "c"])


async def test_a_deletion_that_is_refused_leaves_no_others_behind():
    under_way, over = asyncio.Event(), asyncio.Event()

    async def handle(request):
        if "<Key>0</Key>" in await request.text():
            await under_way.wait()
            return web.Response(status=403, text=DOCUMENT.format("AccessDenied"))
        under_way.set()
        await over.wait()
        return web.Response(text="<DeleteResult></DeleteResult>")

    async with Serving(handle) as storage:
        before = asyncio.all_tasks()
        with pytest.raises(AccessDenied):
            await storage.delete_many("bucket", map(str, range(1_500)))
        left = [task.get_coro().__qualname__ for task in asyncio.all_tasks() - before]
        assert [name for name in left if "delete" in name] == []
        over.set()


async def test_an_upload_that_fails_after_it_was_answered():
    async def handle(request):
        await request.read()
        return web.Response(text="  <Error><Code>InternalError</Code></Error>")

    async with Serving(handle) as storage:
        with pytest.raises(StorageUnavailable):
            await storage.backend.finish_upload(
                Upload("bucket", "key", "id"), [Part(1, "x", 1)], PutOptions()
            )


LISTING = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"


@pytest.mark.parametrize("operation", ["list", "delete", "start", "parts", "finish"])
@pytest.mark.parametrize(
    ("document", "error"),
    [
        pytest.param(DOCUMENT.format("InternalError"), StorageUnavailable, id="an-error"),
        pytest.param("<ListAllMyBucketsResult/>", NotSupported, id="the-buckets"),
        pytest.param("<html><body/></html>", NotSupported, id="a-page"),
        pytest.param(LISTING, NotSupported, id="a-listing-without-its-rest"),
    ],
)
async def test_documents_that_are_not_what_was_asked_for(operation, document, error):
    """None of them is taken for an empty listing, or for that all is done."""

    async def handle(request):
        await request.read()
        return web.Response(text=document)

    upload = Upload("bucket", "key", "id")
    async with Serving(handle) as storage:
        backend = storage.backend
        asking = {
            "list": lambda: backend.list_page("bucket", ListQuery(), None),
            "delete": lambda: backend.delete("bucket", ["a", "b"]),
            "start": lambda: backend.start_upload("bucket", "key", PutOptions()),
            "parts": lambda: backend.uploaded_parts(upload),
            "finish": lambda: backend.finish_upload(upload, [Part(1, "x", 1)], PutOptions()),
        }
        with pytest.raises(error):
            await asking[operation]()


async def test_a_server_that_ignores_ranges():
    async def handle(request):
        return web.Response(body=b"0123456789")

    async with Serving(handle) as storage:
        with pytest.raises(NotSupported, match="asked for"):
            await storage.get("bucket", "key", 2, 5)
        with pytest.raises(InvalidRange):
            await storage.get("bucket", "key", 20)
        assert await storage.get("bucket", "key", 0, 50) == b"0123456789"


async def test_a_part_that_nobody_asked_for_is_not_taken_for_the_whole():
    async def handle(request):
        return web.Response(status=206, body=b"hel", headers={"Content-Range": "bytes 0-2/5"})

    async with Serving(handle) as storage:
        with pytest.raises(NotSupported, match="asked for all"):
            await storage.get("bucket", "key")


async def test_an_answer_without_a_length_is_not_taken_for_a_whole_one():
    async def handle(request):
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(b"some")
        return answer

    async with Serving(handle) as storage:
        with pytest.raises(NotSupported, match="length"):
            await storage.get("bucket", "key")


@pytest.mark.parametrize(("length", "right"), [(None, True), (7, True), (3, False)])
async def test_the_length_of_a_range_is_told_twice(length, right):
    """A server that contradicts itself is refused at once; it will not change its mind."""

    async def handle(request):
        headers = {"Content-Range": "bytes 3-9/10", "Etag": '"1"'}
        answer = web.StreamResponse(status=206, headers=headers)
        if length is None:
            answer.enable_chunked_encoding()
        else:
            answer.content_length = length
        await answer.prepare(request)
        await answer.write(b"3456789"[:length])
        return answer

    async with Serving(handle) as storage:
        if right:
            assert await storage.get("bucket", "key", 3) == b"3456789"
            return
        with pytest.raises(NotSupported, match="3 bytes as the range"):
            await storage.get("bucket", "key", 3)


@pytest.mark.parametrize("rest", [b"456789!", b"4567", b""])
async def test_a_range_without_a_length_is_as_long_as_it_says(rest):
    async def handle(request):
        headers = {"Content-Range": "bytes 3-9/10", "Etag": '"1"'}
        answer = web.StreamResponse(status=206, headers=headers)
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        await answer.write(b"3" + rest)
        return answer

    error = NotSupported if b"!" in rest else StorageUnavailable
    async with Serving(handle, retries=0) as storage:
        with pytest.raises(error):
            await storage.get("bucket", "key", 3)
        with pytest.raises(error):
            [piece async for piece in storage.stream("bucket", "key", 3)]


async def test_a_server_that_stored_something_else():
    async def handle(request):
        await request.read()
        return web.Response(headers={"ETag": f'"{"0" * 32}"'})

    async with Serving(handle) as storage:
        with pytest.raises(ChecksumMismatch):
            await storage.put("bucket", "key", b"1")


async def test_what_a_server_stored_wrong_is_not_taken_for_done_when_it_is_there_again():
    """Its mark says who wrote it, not that it is what was to be written."""
    kept = {}

    async def handle(request):
        await request.read()
        if request.method == "HEAD":
            return web.Response(headers=kept)
        if kept:
            return web.Response(status=412)
        kept.update((k, v) for k, v in request.headers.items() if k.lower().startswith("x-amz-m"))
        return web.Response(headers={"ETag": f'"{"0" * 32}"'})

    async with Serving(handle, conditional_writes=True) as storage:
        with pytest.raises(ChecksumMismatch):
            await storage.put("bucket", "key", b"1", if_absent=True)
    assert kept


@pytest.mark.parametrize("moment", ["", "soon", "2026-11-22T02:33:24Z", "Sun, 22 Nov 2026 at noon"])
async def test_a_time_that_nobody_can_read_is_unknown(moment):
    async def handle(request):
        return web.Response(body=b"content", headers={"Last-Modified": moment})

    async with Serving(handle) as storage:
        assert await storage.get("bucket", "key") == b"content"
        assert (await storage.head("bucket", "key")).modified is None


async def test_how_long_to_wait_is_read():
    async def handle(request):
        return web.Response(status=429, headers={"Retry-After": "7"})

    async with Serving(handle) as storage:
        with pytest.raises(StorageThrottled) as caught:
            await storage.backend.head("bucket", "key")
        assert caught.value.retry_after == 7.0


async def test_a_page_that_is_no_xml():
    async def handle(request):
        return web.Response(status=502, text="<html><p>Bad gateway")

    async with Serving(handle) as storage:
        with pytest.raises(StorageUnavailable, match="HTTP 502"):
            await storage.backend.head_bucket("bucket")
