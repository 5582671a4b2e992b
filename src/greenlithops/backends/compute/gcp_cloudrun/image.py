"""The image of the worker: a recipe and our code, built by Google from a bucket when it is new."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.package import Package, package
from greenlithops.backends.compute.services import PYTHON, SERVER, digest_of, with_files
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.backends.compute.gcp_cloudrun.options import CloudRunOptions
    from greenlithops.backends.compute.google import Google

IMAGE = "worker"
PORT = 8080
_GZIP = {"Content-Type": "application/gzip"}
# Google keeps a copy of Docker Hub's official images; its front ends keep connections for 600 s.
_RECIPE = f"""\
FROM mirror.gcr.io/library/python:{PYTHON}-slim
WORKDIR /worker
COPY requirements.txt .
RUN pip install --no-cache-dir --no-compile -r requirements.txt
COPY . .
ENV PYTHONPATH=/worker PYTHONUNBUFFERED=1 UVICORN_HOST=0.0.0.0 UVICORN_PORT={PORT}
ENV UVICORN_TIMEOUT_KEEP_ALIVE=620 UVICORN_LOG_LEVEL=warning
CMD ["python", "-m", "uvicorn", "greenlithops.worker.application:app"]
"""


class Images:
    """The images of the worker in a project.

    Args:
        google: the project.
        options: what the image has besides.
    """

    def __init__(self, google: Google, options: CloudRunOptions) -> None:
        self._google = google
        self._repository = options.artifact_registry_repository
        self._bucket = options.source_bucket
        self._files = {
            "Dockerfile": _RECIPE,
            "requirements.txt": "\n".join([*SERVER, *options.requirements, ""]),
        }

    async def ensure(self) -> str:
        """Return the name of the image of this code, which is built if it is not there."""
        code = await off_loop(package)
        digest = digest_of([code.digest, self._files])
        google = self._google
        place = f"{google.parent}/repositories/{self._repository}"
        tag = google.url("artifactregistry", f"v1/{place}/packages/{IMAGE}/tags/{digest}")
        name = f"{google.region}-docker.pkg.dev/{google.project.replace(':', '/')}"
        image = f"{name}/{self._repository}/{IMAGE}:{digest}"
        if await google.rest.find(tag) is None:
            await self._ensure_repository(place)
            await self._build(image, await self._upload(code, digest))
        return image

    async def _ensure_repository(self, place: str) -> None:
        google = self._google
        if await google.rest.find(google.url("artifactregistry", f"v1/{place}")) is not None:
            return
        parent = google.url("artifactregistry", f"v1/{place.rpartition('/')[0]}")
        content = {"format": "DOCKER", "description": "Images of greenlithops"}
        asked = await google.rest.create(parent, content, {"repositoryId": self._repository})
        if asked is not None:
            await google.done("artifactregistry/v1", asked, f"make {self._repository}")

    async def _upload(self, code: Package, digest: str) -> dict[str, str]:
        google, bucket = self._google, self._bucket or bucket_name(self._google)
        buckets = google.url("storage", "storage/v1/b")
        if await google.rest.find(f"{buckets}/{bucket}") is None:
            content = {
                "name": bucket,
                "location": google.region,
                "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
            }
            await google.rest.create(buckets, content, {"project": google.project})
        key = f"{digest}.tar.gz"
        archive = await off_loop(lambda: tarred(with_files(code.archive(), self._files)))
        await google.rest.ask(
            "POST",
            google.url("storage", f"upload/storage/v1/b/{bucket}/o"),
            archive,
            {"uploadType": "media", "name": key},
            _GZIP,
        )
        return {"bucket": bucket, "object": key}

    async def _build(self, image: str, source: dict[str, str]) -> None:
        google = self._google
        content: dict[str, Any] = {"imageUri": image, "storageSource": source, "dockerBuild": {}}
        url = google.url("run", f"v2/{google.parent}/builds:submit")
        asked = await google.rest.ask("POST", url, content)
        await google.done("cloudbuild/v1", asked["buildOperation"], f"build {image}")


def bucket_name(google: Google) -> str:
    """Return a name that no other project has for its bucket."""
    name = f"greenlithops-{google.project}-{google.region}".lower()
    clean = re.sub(r"[^a-z0-9-]", "-", name)
    return clean if len(clean) <= 63 else f"greenlithops-{digest_of(clean)}"  # noqa: PLR2004 - the limit


def tarred(archive: bytes) -> bytes:
    """Return the files of a zip as a ``tar.gz``; the same content gives the same one."""
    room = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as zipped,
        gzip.GzipFile(fileobj=room, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for name in sorted(zipped.namelist()):
            entry = tarfile.TarInfo(name)
            content = zipped.read(name)
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return room.getvalue()
