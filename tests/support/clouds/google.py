"""A stand-in for Google's cloud: its control planes by their discovery documents, tokens, logs.

Functions run in Google's functions-framework, and services what their Dockerfile says.
"""

import json
import re
import time

from aiohttp import web

from support.clouds import google_tokens as tokens
from support.clouds.discovery import Api, Wrong
from support.clouds.google_tokens import EMAIL, PROJECT
from support.clouds.instances import Instances, framework, recipe, serve

REGION = "europe-west1"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
CALLER = f"caller@{PROJECT}.iam.gserviceaccount.com"
VERSIONS = {
    "cloudfunctions": "v2",
    "run": "v2",
    "cloudbuild": "v1",
    "artifactregistry": "v1",
    "storage": "v1",
    "logging": "v2",
    "iamcredentials": "v1",
}
_APIS = {}


def api(name):
    """Return an API's description; it is read once."""
    if name not in _APIS:
        _APIS[name] = Api(name, VERSIONS[name])
    return _APIS[name]


class GoogleStandIn:
    """A project in one region.

    Args:
        folder: where instances have their code.
        guard: as for `Process`.
    """

    def __init__(self, folder, guard):
        self.instances = Instances(folder, guard)
        self.asked = []  #: names of the methods that were asked for
        self.functions, self.services = {}, {}
        self.repositories, self.tags, self.buckets = set(), set(), set()
        self.objects, self.operations, self.uploads = {}, {}, {}
        self.entries, self.filters = [], []
        self.busy = []  #: statuses that control planes answer next
        self.slow = False  #: whether operations take a while
        self.broken = None  #: why the next function or service does not become ready
        self.lifetime = 3600  #: seconds of an identity token
        self.identities = 0
        self._runner = None
        self.url = ""

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/token", self._token)
        app.router.add_put("/signed/{name}", self._signed)
        app.router.add_route("*", "/service/{name}", self._invoked)
        app.router.add_route("*", "/api/{api}/{path:.*}", self._asked)
        self._runner, self.url = await serve(app)
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()
        await self.instances.close()

    @property
    def endpoint(self):
        """What to give as ``endpoint``."""
        return f"{self.url}/api/{{api}}"

    def credentials(self, path, **changes):
        """Write the file of a service account, and return where it is."""
        content = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key": tokens.private_key(),
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(content | changes))
        return str(path)

    # Tokens.

    async def _token(self, request):
        status, content = tokens.granted(await request.post(), f"{self.url}/token", self._identity)
        return web.json_response(content, status=status)

    def _identity(self, email, audience):
        self.identities += 1
        return tokens.signed(email, aud=audience, exp=time.time() + self.lifetime)

    async def _invoked(self, request):
        """Let in who has a token for this service, as Google's front end does."""
        name = request.match_info["name"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            audience = f"{self.url}/service/{name}"
            tokens.check(token, audience)
        except tokens.BadToken as error:
            return web.Response(status=401, text=f"the identity token: {error}")
        return await self.instances.forward(request, name)

    # Control planes.

    async def _asked(self, request):
        name, path = request.match_info["api"], request.match_info["path"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            tokens.check(token)
        except tokens.BadToken as error:
            return _error(401, "UNAUTHENTICATED", f"the token: {error}")
        if self.busy:
            return _error(self.busy.pop(0), "UNAVAILABLE", "not now")
        raw = await request.read()
        try:
            described = api(name)
            method, parts = described.find(request.method, path)
            upload = path.startswith("upload/")
            body = None if upload or not raw else json.loads(raw)
            described.check(method, request.query, body)
        except Wrong as error:
            return _error(400, "INVALID_ARGUMENT", str(error))
        self.asked.append(method)
        handler = getattr(self, _handler(method))
        return await handler(parts, request.query, raw if upload else body)

    def _done(self, response, failed=None, *, parent=f"{PARENT}/operations"):
        """Return an operation that is done, or will be at the second look."""
        name = f"{parent}/{len(self.operations)}"
        done = {"name": name, "done": True}
        done |= {"error": {"code": 9, "message": failed}} if failed else {"response": response}
        self.operations[name] = [{"name": name}, done] if self.slow else [done]
        return {"name": name} if self.slow else done

    async def _operation(self, parts, query, body):
        looks = self.operations[parts[0]]
        return web.json_response(looks.pop(0) if len(looks) > 1 else looks[0])

    cloudfunctions_operations_get = run_operations_get = cloudbuild_operations_get = _operation
    artifactregistry_operations_get = _operation

    # Functions.

    async def _signed(self, request):
        if "Authorization" in request.headers or request.content_type != "application/zip":
            return web.Response(status=403, text="the signature does not match")
        self.uploads[request.match_info["name"]] = await request.read()
        return web.Response()

    async def cloudfunctions_functions_generate_upload_url(self, parts, query, body):
        name = f"upload-{len(self.uploads)}"
        source = {"bucket": "gcf-uploads", "object": name}
        url = f"{self.url}/signed/{name}"
        return web.json_response({"uploadUrl": url, "storageSource": source})

    async def cloudfunctions_functions_get(self, parts, query, body):
        found = self.functions.get(parts[0])
        return _missing(parts[0]) if found is None else web.json_response(found)

    async def cloudfunctions_functions_list(self, parts, query, body):
        return _page("functions", list(self.functions.values()), query)

    async def cloudfunctions_functions_create(self, parts, query, body):
        name = f"{parts[0]}/functions/{query['functionId']}"
        if name in self.functions:
            return _error(409, "ALREADY_EXISTS", f"{name} exists")
        return await self._made(name, body)

    async def cloudfunctions_functions_patch(self, parts, query, body):
        old = self.functions[parts[0]]
        wanted = query["updateMask"].split(",")
        assert set(wanted) == set(body), "the mask names what is sent"
        return await self._made(parts[0], old | body)

    async def _made(self, name, body):
        short = name.rpartition("/")[2]
        build, settings = body["buildConfig"], body["serviceConfig"]
        failed, self.broken = self.broken, None
        settings = settings | {
            "uri": f"{self.url}/service/{short}",
            "service": f"{PARENT}/services/x",
        }
        found = body | {"name": name, "serviceConfig": settings, "updateTime": str(len(self.asked))}
        self.functions[name] = found | {"state": "FAILED" if failed else "ACTIVE"}
        if failed:
            self.functions[name]["stateMessages"] = [{"severity": "ERROR", "message": failed}]
        else:
            archive = self.uploads[build["source"]["storageSource"]["object"]]
            command = framework(build["entryPoint"])
            await self.instances.start(short, archive, command, settings["environmentVariables"])
        return web.json_response(self._done(found, failed))

    async def cloudfunctions_functions_delete(self, parts, query, body):
        if self.functions.pop(parts[0], None) is None:
            return _missing(parts[0])
        await self.instances.stop(parts[0].rpartition("/")[2])
        return web.json_response(self._done({}))

    # Images.

    async def artifactregistry_repositories_get(self, parts, query, body):
        known = parts[0] in self.repositories
        return web.json_response({"name": parts[0]}) if known else _missing(parts[0])

    async def artifactregistry_repositories_create(self, parts, query, body):
        name = f"{parts[0]}/repositories/{query['repositoryId']}"
        self.repositories.add(name)
        return web.json_response(self._done({"name": name}))

    async def artifactregistry_repositories_packages_tags_get(self, parts, query, body):
        known = parts[0] in self.tags
        return web.json_response({"name": parts[0]}) if known else _missing(parts[0])

    async def storage_buckets_get(self, parts, query, body):
        known = parts[0] in self.buckets
        return web.json_response({"name": parts[0]}) if known else _missing(parts[0])

    async def storage_buckets_insert(self, parts, query, body):
        assert query["project"] == PROJECT
        self.buckets.add(body["name"])
        return web.json_response(body)

    async def storage_objects_insert(self, parts, query, body):
        assert parts[0] in self.buckets
        assert query["uploadType"] == "media"
        self.objects[parts[0], query["name"]] = body
        return web.json_response({"name": query["name"]})

    async def run_builds_submit(self, parts, query, body):
        source, image = body["storageSource"], body["imageUri"]
        host, project, repository, rest = image.split("/")
        assert (host, project) == (f"{REGION}-docker.pkg.dev", PROJECT)
        assert f"{PARENT}/repositories/{repository}" in self.repositories
        name, _, tag = rest.partition(":")
        failed, self.broken = self.broken, None
        if not failed:
            self.tags.add(f"{PARENT}/repositories/{repository}/packages/{name}/tags/{tag}")
            self.objects[image] = self.objects[source["bucket"], source["object"]]
        return web.json_response(
            {"buildOperation": self._done({}, failed, parent=f"operations/build/{PROJECT}")}
        )

    # Services.

    async def run_services_get(self, parts, query, body):
        found = self.services.get(parts[0])
        return _missing(parts[0]) if found is None else web.json_response(found)

    async def run_services_list(self, parts, query, body):
        return _page("services", list(self.services.values()), query)

    async def run_services_create(self, parts, query, body):
        name = f"{parts[0]}/services/{query['serviceId']}"
        if name in self.services:
            return _error(409, "ALREADY_EXISTS", f"{name} exists")
        return await self._served(name, body)

    async def run_services_patch(self, parts, query, body):
        return await self._served(parts[0], body)

    async def _served(self, name, body):
        short = name.rpartition("/")[2]
        failed, self.broken = self.broken, None
        state = "CONDITION_FAILED" if failed else "CONDITION_SUCCEEDED"
        condition = {"type": "Ready", "state": state, "message": failed}
        found = {"name": name, "uri": f"{self.url}/service/{short}", "terminalCondition": condition}
        self.services[name] = body | found
        (container,) = body["template"]["containers"]
        variables = {one["name"]: one["value"] for one in container["env"]}
        if not failed:
            await self.instances.start(short, self.objects[container["image"]], recipe, variables)
        return web.json_response(self._done(body | found))

    async def run_services_delete(self, parts, query, body):
        if self.services.pop(parts[0], None) is None:
            return _missing(parts[0])
        await self.instances.stop(parts[0].rpartition("/")[2])
        return web.json_response(self._done({}))

    # The rest.

    async def logging_entries_list(self, parts, query, body):
        assert body["resourceNames"] == [f"projects/{PROJECT}"]
        self.filters.append(body["filter"])
        return _page("entries", self.entries, body)

    async def iamcredentials_service_accounts_generate_id_token(self, parts, query, body):
        assert parts[0] == f"projects/-/serviceAccounts/{CALLER}"
        return web.json_response({"token": self._identity(CALLER, body["audience"])})


def _handler(method):
    """Return the name of the method here that stands for one of Google's."""
    parts = [part for part in method.split(".") if part not in {"projects", "locations"}]
    return re.sub("([A-Z])", r"_\1", "_".join(parts)).lower()


def _page(name, found, query, size=2):
    """Return one page of a list; there are small ones, so that there are several."""
    start = int(query.get("pageToken") or 0)
    page = {name: found[start : start + size]}
    if start + size < len(found):
        page["nextPageToken"] = str(start + size)
    return web.json_response(page)


def _missing(name):
    return _error(404, "NOT_FOUND", f"{name} was not found")


def _error(code, status, message):
    content = {"error": {"code": code, "status": status, "message": message}}
    return web.json_response(content, status=code)
