"""A stand-in for IBM Code Engine and IAM; the instances that it keeps are processes."""

from urllib.parse import parse_qs

from support.clouds.stand_in import Pod, StandIn, content

PROJECT = "15314cc3-85b4-4338-903f-c28cdee6d005"
PREFIX = f"/v2/projects/{PROJECT}/"


class CodeEngine(StandIn):
    """The API of one account, with one project.

    Attributes:
        broken: why an image cannot be had, by image.
        life: seconds for which tokens are good.
    """

    def __init__(self, folder):
        self.folder = folder
        self.apps, self.secrets, self.pods, self.broken = {}, {}, {}, {}
        self.projects = [{"id": PROJECT, "name": "mine", "region": "eu-de", "status": "active"}]
        self.life = 3600
        self.tokens = 0
        self.looks = 0
        super().__init__()

    def close(self):
        super().close()
        for pod in self.pods.values():
            pod.end()

    def answer(self, asked):
        if asked.path == "/identity/token":
            return self._token(asked)
        if not asked.path.startswith("/v2/"):
            return self.pods[asked.path.strip("/")].ask(asked)
        if asked.headers.get("authorization") != f"Bearer token-{self.tokens}":
            return _error(401, "unauthorized", "the token has expired")
        if asked.path == "/v2/projects":
            return self._project(asked)
        if not asked.path.startswith(PREFIX):
            wanted = asked.path.rpartition("/")[2]
            found = [one for one in self.projects if one["id"] == wanted]
            found[0]["status"] = "active"  # the next time that it is asked
            return content(found[0] | {"status": "active"})
        kind, _, name = asked.path[len(PREFIX) :].partition("/")
        return getattr(self, f"_{kind}")(asked, name)

    def _token(self, asked):
        form = parse_qs(asked.body.decode())
        if form["apikey"] != ["the api key"]:
            return content({"errorCode": "BXNIM0415E", "message": "key could not be found"}, 400)
        assert form["grant_type"] == ["urn:ibm:params:oauth:grant-type:apikey"]
        self.tokens += 1
        said = {"access_token": f"token-{self.tokens}", "expires_in": self.life}
        return content(said)

    def _project(self, asked):
        if asked.method == "POST":
            made = asked.json() | {"id": "made", "status": "creating"}
            self.projects.append(made)
            return content(made, 202)
        after = int(asked.query.get("start", "0"))
        more = {"next": {"start": str(after + 1)}} if after + 1 < len(self.projects) else {}
        return content({"projects": self.projects[after : after + 1], **more})

    def _secrets(self, asked, name):
        if asked.method == "POST":
            wanted = asked.json()
            if wanted["name"] in self.secrets:
                return _error(409, "conflict", "the secret exists")
            self.secrets[wanted["name"]] = wanted | {"entity_tag": "1"}
            return content(wanted, 201)
        if name not in self.secrets:
            return _error(404, "not_found", "no such secret")
        if asked.method == "DELETE":
            del self.secrets[name]
            return content({}, 202)
        if asked.method == "PUT":
            assert asked.headers["if-match"] == self.secrets[name]["entity_tag"]
            self.secrets[name] |= asked.json()
        return content(self.secrets[name])

    def _apps(self, asked, name):
        if asked.method == "POST":
            return self._made(asked.json(), 1)
        if not name:
            return content({"apps": list(self.apps.values()), "limit": 100})
        name, _, part = name.partition("/")
        if name not in self.apps:
            return _error(404, "not_found", "no such app")
        app = self.apps[name]
        if part == "revisions":
            reason = self.broken.get(app["image_reference"])
            one = {"status": "failed", "status_details": {"reason": reason}}
            return content({"revisions": [one]})
        if asked.method == "DELETE":
            self.pods.pop(name).end()
            return content(self.apps.pop(name), 202)
        if asked.method == "PATCH":
            assert asked.headers["content-type"] == "application/merge-patch+json"
            if asked.headers["if-match"] != app["entity_tag"]:
                return _error(412, "precondition_failed", "it was changed meanwhile")
            return self._made(app | asked.json(), int(app["entity_tag"]) + 1)
        self.looks += 1
        if self.looks % 2:  # every other look finds the revision that was ready before
            return content(app | {"status_details": {"latest_created_revision": "new"}})
        return content(app)

    def _made(self, wanted, tag):
        name, image = wanted["name"], wanted["image_reference"]
        secret = wanted.get("image_secret")
        assert secret is None or self.secrets[secret]["format"] == "registry"
        environment = {}
        for one in wanted["run_env_variables"]:
            value = one.get("value")
            if one["type"] == "secret_key_reference":
                value = self.secrets[one["reference"]]["data"][one["key"]]
            environment[one["name"]] = value
        known = {"entity_tag": str(tag), "endpoint": f"{self.url}/{name}", "status": "ready"}
        if image in self.broken:
            known |= {"status": "failed", "status_details": {"reason": "no_revision_ready"}}
        else:
            if name in self.pods:
                self.pods.pop(name).end()
            command = [*wanted["run_commands"], *wanted["run_arguments"]]
            self.pods[name] = Pod(self.folder, command, environment)
        self.apps[name] = wanted | known
        return content(self.apps[name], 201)


def _error(status, code, message):
    return content({"errors": [{"code": code, "message": message}], "status_code": status}, status)


#: What IBM's own client sends for the same operations; it is told what ours sent as bodies.
SDK = """
import json, sys
from ibm_cloud_sdk_core.authenticators import BearerTokenAuthenticator
from ibm_cloud_sdk_core import ApiException
from ibm_code_engine_sdk.code_engine_v2 import CodeEngineV2
url, project, version, said = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
one = CodeEngineV2(version=version, authenticator=BearerTokenAuthenticator("token-1"))
one.set_service_url(url)
operations = {
    "list_projects": lambda: one.list_projects(limit=100),
    "create_project": lambda: one.create_project(**said["project"]),
    "get_project": lambda: one.get_project(id="made"),
    "get_app": lambda: one.get_app(project, said["app"]["name"]),
    "create_app": lambda: one.create_app(project, **said["app"]),
    "update_app": lambda: one.update_app(project, said["app"]["name"], "1", said["patch"]),
    "list_apps": lambda: one.list_apps(project, limit=100),
    "revisions": lambda: one.list_app_revisions(project, said["app"]["name"], limit=100),
    "delete_app": lambda: one.delete_app(project, said["app"]["name"]),
    "create_secret": lambda: one.create_secret(project, **said["secret"]),
    "get_secret": lambda: one.get_secret(project, said["secret"]["name"]),
    "get_registry": lambda: one.get_secret(project, said["registry"]["name"]),
    "delete_secret": lambda: one.delete_secret(project, said["secret"]["name"]),
    "delete_registry": lambda: one.delete_secret(project, said["secret"]["name"] + "-registry"),
    "create_registry": lambda: one.create_secret(project, **said["registry"]),
    "replace_registry": lambda: one.replace_secret(
        project, said["registry"]["name"], "1", "registry", data=said["registry"]["data"]
    ),
}
for name, operation in operations.items():
    try:
        operation()
    except ApiException as error:
        print(name, error.code)
"""
