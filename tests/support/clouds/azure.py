"""A stand-in for Azure: its control plane by its SDK's description, identities, logs.

Function apps run in a host around the official ``azure-functions``; container apps run what their
container says. Code is fetched from where the app was told, which is Azurite.
"""

import json
import sys
import time
import urllib.request
from pathlib import Path

from aiohttp import web

from greenlithops.offload import off_loop
from support.clouds.arm import Arm
from support.clouds.discovery import Wrong
from support.clouds.instances import HOST, Instances, serve

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP, REGION = "the-group", "westeurope"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
_HERE = Path(__file__).parent
_arm = []


def arm():
    """Return the description of the operations; it is read once."""
    if not _arm:
        _arm.append(Arm())
    return _arm[0]


class AzureStandIn:
    """A resource group.

    Args:
        folder: where instances have their code.
        guard: as for `Process`.
    """

    def __init__(self, folder, guard):
        self.instances = Instances(folder, guard)
        self.instances.gone = (500, "python exited with code -9")
        self.asked = []  #: names of the operations that were asked for
        self.resources, self.settings, self.keys = {}, {}, {}
        self.queries, self.lines = [], []
        self.subscriptions = [{"subscriptionId": SUBSCRIPTION, "displayName": "the only one"}]
        self.lazy = 0  #: how many looks find the next resource under way
        self.broken = None  #: why the next resource is not made
        self.cold = 0  #: how often the keys of a host cannot be had yet
        self.secret = "the secret of the machine's identity"
        self.tokens = 0
        self._fronts, self._runners = {}, []
        self.url = ""

    async def __aenter__(self):
        app = web.Application(client_max_size=1 << 26)
        app.router.add_get("/identity", self._identity)
        app.router.add_post("/v1/{kind}/{name}/query", self._queried)
        app.router.add_get("/subscriptions", self._subscriptions)
        app.router.add_route("*", "/{path:.*}", self._asked)
        runner, self.url = await serve(app)
        self._runners.append(runner)
        return self

    async def __aexit__(self, *_):
        for runner in self._runners:
            await runner.cleanup()
        await self.instances.close()

    def environment(self):
        """Return what a machine of Azure's has in its environment, for its identity."""
        return {"IDENTITY_ENDPOINT": f"{self.url}/identity", "IDENTITY_HEADER": self.secret}

    async def _identity(self, request):
        if request.headers.get("X-IDENTITY-HEADER") != self.secret:
            return web.json_response({"error": "invalid_client"}, status=401)
        self.tokens += 1
        resource = request.query["resource"]
        content = {
            "access_token": f"token for {resource}",
            "expires_on": str(int(time.time()) + 3600),
            "resource": resource,
            "token_type": "Bearer",
        }
        return web.json_response(content)

    async def _subscriptions(self, request):
        return web.json_response({"value": self.subscriptions})

    async def _queried(self, request):
        kind = request.match_info["kind"]
        api = {"apps": "applicationinsights", "workspaces": "loganalytics"}[kind]
        token = request.headers["Authorization"].removeprefix("Bearer ")
        assert token == f"token for https://api.{api}.io", token
        self.queries.append((request.match_info["name"], (await request.json())["query"]))
        table = {"name": "PrimaryResult", "rows": [[line] for line in self.lines]}
        return web.json_response({"tables": [table]})

    async def _asked(self, request):
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token != "token for https://management.azure.com":
            return _error(401, "InvalidAuthenticationToken", "the token")
        raw = await request.read()
        body = json.loads(raw) if raw else None
        path, query = request.path, dict(request.query)
        if "/Microsoft.Insights/components/" in path:  # the SDK for it is of another make
            return self._component(path, query)
        try:
            operation, parts = arm().find(request.method, path)
            arm().check(operation, query, body)
        except Wrong as error:
            return _error(400, "InvalidRequestContent", str(error))
        self.asked.append(operation["name"])
        handler = getattr(self, operation["name"], None)
        if handler is not None:
            return await handler(path, parts, body)
        return await getattr(self, f"_{request.method.lower()}")(path, body)

    # Resources of any kind.

    async def _get(self, path, body):
        if path.rpartition("/")[2] in {"sites", "containerApps"}:
            found = [one for name, one in self.resources.items() if name.startswith(f"{path}/")]
            return web.json_response({"value": found})
        found = self.resources.get(path)
        if found is None:
            return _error(404, "ResourceNotFound", f"The Resource {path} was not found.")
        if self.lazy:
            self.lazy -= 1
            found = found | {"properties": found["properties"] | {"provisioningState": "Updating"}}
        return web.json_response(found)

    async def _put(self, path, body):
        own = {"id": path, "name": path.rpartition("/")[2]}
        state = {"provisioningState": "Succeeded"}
        if self.broken:
            state = {"provisioningState": "Failed", "deploymentErrors": self.broken}
            self.broken = None
        kept = {name: one for name, one in body["properties"].items() if name != "configuration"}
        made = body | own | {"properties": kept | state}
        self.resources[path] = made
        return web.json_response(made)

    async def _delete(self, path, body):
        known = self.resources.pop(path, None)
        return web.Response(status=204 if known is None else 200)

    async def tags_update_at_scope(self, path, parts, body):
        assert body["operation"] == "Merge"
        found = self.resources["/" + parts["scope"].lstrip("/")]
        found["tags"] = found.get("tags", {}) | body["properties"]["tags"]
        return web.json_response({})

    # Function apps.

    async def web_apps_create_or_update(self, path, parts, body):
        name, properties = parts["name"], dict(body["properties"])
        assert properties["serverFarmId"] in self.resources
        config = properties.pop("siteConfig")
        settings = {one["name"]: one["value"] for one in config["appSettings"]}
        self.settings[name] = settings
        host = await self._front(name)
        made = await self._put(path, body | {"properties": properties | {"defaultHostName": host}})
        if place := settings.get("WEBSITE_RUN_FROM_PACKAGE"):
            assert config["linuxFxVersion"].startswith("PYTHON|3.")
            await self._run(name, place)
        elif name in self.instances.running:  # with other settings, and the code that it has
            await self._run(name, None)
        return made

    async def web_apps_create_one_deploy_operation(self, path, parts, body):
        flex = self.resources[path.partition("/extensions/")[0]]["properties"]["functionAppConfig"]
        runtime, storage = flex["runtime"], flex["deployment"]["storage"]
        assert runtime["version"] == ".".join(map(str, sys.version_info[:2]))
        name = storage["authentication"]["storageAccountConnectionStringName"]
        assert "AccountKey=" in self.settings[parts["name"]][name]
        assert body["properties"].keys() == {"packageUri", "remoteBuild"}
        await self._run(parts["name"], body["properties"]["packageUri"])
        return web.json_response({}, status=202)

    async def _run(self, name, place):
        archive = None if place is None else await off_loop(_fetched, place)
        archive = self._code[name] = archive or self._code[name]
        self.keys[name] = f"the key of {name} {len(self.asked)}"
        variables = self.settings[name] | {"HOST_KEY": self.keys[name]}
        await self.instances.start(name, archive, _functions_host, variables, ready={404})

    @property
    def _code(self):
        return self.__dict__.setdefault("code", {})

    async def web_apps_list_application_settings(self, path, parts, body):
        return web.json_response({"properties": self.settings[parts["name"]]})

    async def web_apps_list_host_keys(self, path, parts, body):
        if self.cold or parts["name"] not in self.keys:
            self.cold = max(0, self.cold - 1)
            return _error(400, "BadRequest", "Encountered an error (ServiceUnavailable) from host")
        keys = {"default": self.keys[parts["name"]]}
        return web.json_response({"masterKey": "no", "functionKeys": keys})

    async def web_apps_delete(self, path, parts, body):
        await self.instances.stop(parts["name"])
        return await self._delete(path, body)

    # Container apps.

    async def container_apps_create_or_update(self, path, parts, body):
        name, properties = path.rpartition("/")[2], body["properties"]
        assert properties["managedEnvironmentId"] in self.resources
        configuration = dict(properties["configuration"])
        held = {one["name"]: one["value"] for one in configuration.pop("secrets")}
        for registry in configuration.get("registries", ()):
            assert held[registry["passwordSecretRef"]]
        broken = self.broken
        made = await self._put(path, body)
        found = self.resources[path]
        fqdn = await self._front(name)
        configuration["ingress"] = configuration["ingress"] | {"fqdn": fqdn}
        configuration["secrets"] = [{"name": one} for one in held]
        found["properties"]["configuration"] = configuration
        self.settings[name] = held
        if not broken:
            await self.restart(name)
        return made

    async def restart(self, name):
        """Start the replica of a container app."""
        path = f"{ROOT}/providers/Microsoft.App/containerApps/{name}"
        (container,) = self.resources[path]["properties"]["template"]["containers"]
        held = self.settings[name]
        variables = {
            one["name"]: one.get("value") or held[one["secretRef"]] for one in container["env"]
        }
        await self.instances.start(name, None, _container(container), variables)

    async def container_apps_list_secrets(self, path, parts, body):
        held = self.settings[parts["containerAppName"]]
        found = [{"name": name, "value": value} for name, value in held.items()]
        return web.json_response({"value": found})

    async def container_apps_delete(self, path, parts, body):
        await self.instances.stop(parts["containerAppName"])
        return await self._delete(path, body)

    async def shared_keys_get_shared_keys(self, path, parts, body):
        return web.json_response({"primarySharedKey": "the workspace's key"})

    async def workspaces_get(self, path, parts, body):
        return web.json_response({"properties": {"customerId": "the-workspace"}})

    def _component(self, path, query):
        assert query == {"api-version": "2020-02-02"}
        properties = {"AppId": "the-app-id", "ConnectionString": "InstrumentationKey=1"}
        return web.json_response({"name": path.rpartition("/")[2], "properties": properties})

    async def _front(self, name):
        """Return the host and the port at which an app is reached."""
        if name not in self._fronts:
            app = web.Application(client_max_size=1 << 27)

            async def forward(request):
                return await self.instances.forward(request, name, request.path.lstrip("/"))

            app.router.add_route("*", "/{path:.*}", forward)
            runner, url = await serve(app)
            self._runners.append(runner)
            self._fronts[name] = url.removeprefix("http://")
        return self._fronts[name]


def _functions_host(folder, port):
    return [sys.executable, "-P", _HERE / "azure_host.py", folder, port], {}


def _container(container):
    """Return the command of a container, with a Python that has nothing installed."""

    def command(folder, port):
        words = container["command"]
        python = Path(sys._base_executable)
        assert words[0] == "python"
        return [python, *words[1:]], {"UVICORN_HOST": HOST, "UVICORN_PORT": str(port)}

    return command


def _fetched(url):
    with urllib.request.urlopen(url, timeout=20) as reply:
        return reply.read()


def _error(status, code, message):
    return web.json_response({"error": {"code": code, "message": message}}, status=status)


__all__ = ["GROUP", "HOST", "REGION", "ROOT", "SUBSCRIPTION", "AzureStandIn", "arm"]
