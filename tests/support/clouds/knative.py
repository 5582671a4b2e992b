"""A stand-in for a cluster with Knative: its API keeps what it is given, its pods are processes.

It takes manifests only if they have the schema of Knative's own resource definition.
"""

import base64
import json
import subprocess
import threading
from urllib.parse import urlsplit

import jsonschema
import yaml

from support.clouds.stand_in import Pod, StandIn, content

SERVICES = "/apis/serving.knative.dev/v1/namespaces/calls/services"
SECRETS = "/api/v1/namespaces/calls/secrets"
_SCHEMA = """
import json
from cloudcoil.models.knative_serving.serving.v1 import Service
print(json.dumps(Service.model_json_schema()))
"""


def service_schema(sdk):
    """Return the JSON schema of a Service, made from Knative's resource definition."""
    text = subprocess.run([sdk, "-c", _SCHEMA], capture_output=True, text=True, check=True).stdout
    schema = json.loads(text)
    for one in schema["$defs"].values():
        if "properties" in one:
            one["additionalProperties"] = False  # as an API server that is asked to be strict
    return schema


class Cluster(StandIn):
    """The API server, and an ingress on the same port that looks at the host."""

    def __init__(self, folder, schema):
        self.folder = folder
        self.schema = schema
        self.services, self.secrets, self.pods = {}, {}, {}
        self.broken = {}  #: what a Service's image cannot be had for, by image
        self._lock = threading.Lock()
        super().__init__()
        self.configuration = folder / "config"
        self.configuration.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "clusters": [{"name": "one", "cluster": {"server": self.url}}],
                    "users": [{"name": "me", "user": {"token": "the token"}}],
                    "contexts": [
                        {
                            "name": "here",
                            "context": {"cluster": "one", "user": "me", "namespace": "calls"},
                        }
                    ],
                }
            )
        )

    def close(self):
        super().close()
        for pod in self.pods.values():
            pod.end()

    def answer(self, asked):
        host = asked.headers["host"]
        if host.endswith(".calls.example.com"):
            return self._ingress(host.partition(".")[0], asked)
        if asked.headers.get("authorization") != "Bearer the token":
            return _status(401, "Unauthorized")
        with self._lock:
            if asked.path.startswith(SERVICES):
                return self._service(asked, asked.path[len(SERVICES) + 1 :])
            if asked.path.startswith(SECRETS):
                return self._secret(asked, asked.path[len(SECRETS) + 1 :])
            if asked.path.startswith("/api/v1/namespaces/calls/pods"):
                return self._pod(asked)
            if asked.path == "/api/v1/namespaces/kourier-system/services/kourier":
                return content({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}})
        return _status(404, f"nothing at {asked.path}")

    def _service(self, asked, name):
        if asked.method == "GET" and not name:
            wanted = asked.query["labelSelector"].split("=")
            found = [
                one
                for one in self.services.values()
                if one["metadata"]["labels"].get(wanted[0]) == wanted[1]
            ]
            after = int(asked.query.get("continue", "0"))
            more = {"continue": str(after + 1)} if after + 1 < len(found) else {}
            return content({"items": found[after : after + 1], "metadata": more})
        if asked.method == "POST":
            name = asked.json()["metadata"]["name"]
            if name in self.services:
                return _status(409, f"{name} already exists")
            return self._made(asked.json(), 1)
        if name not in self.services:
            return _status(404, f"{name} not found")
        if asked.method == "PATCH":
            assert asked.headers["content-type"] == "application/merge-patch+json"
            generation = self.services[name]["metadata"]["generation"]
            return self._made(asked.json(), generation + 1)
        if asked.method == "DELETE":
            del self.services[name]
            self.pods.pop(name).end()
        return content(self.services.get(name, {}))

    def _made(self, wanted, generation):
        try:
            jsonschema.validate(wanted, self.schema)
        except jsonschema.ValidationError as error:
            return _status(400, error.message)
        name = wanted["metadata"]["name"]
        image = wanted["spec"]["template"]["spec"]["containers"][0]["image"]
        if name in self.pods:
            self.pods.pop(name).end()
        wanted["metadata"] |= {"generation": generation, "namespace": "calls"}
        ready = {"type": "Ready", "status": "True"}
        status = {"observedGeneration": generation, "url": f"http://{name}.calls.example.com"}
        if image in self.broken:
            ready = {"type": "Ready", "status": "False", "reason": "RevisionMissing"}
            below = {"type": "ConfigurationsReady", "status": "False"}
            below |= {"reason": "RevisionFailed", "message": self.broken[image]}
            status["conditions"] = [ready, below]
        else:
            status["conditions"] = [ready]
            self.pods[name] = self._started(wanted["spec"]["template"]["spec"])
        self.services[name] = wanted | {"status": status}
        return content(self.services[name], 201)

    def _started(self, spec):
        environment = {}
        container = spec["containers"][0]
        for one in container["env"]:
            value = one.get("value")
            if value is None:
                wanted = one["valueFrom"]["secretKeyRef"]
                secret = self.secrets[wanted["name"]]["data"][wanted["key"]]
                value = base64.b64decode(secret).decode()
            environment[one["name"]] = value
        return Pod(self.folder, container["command"], environment)

    def _secret(self, asked, name):
        if asked.method == "POST":
            wanted = asked.json()
            name = wanted["metadata"]["name"]
            if name in self.secrets:
                return _status(409, f"{name} already exists")
            self.secrets[name] = wanted
        elif name not in self.secrets:
            return _status(404, f"{name} not found")
        elif asked.method == "PUT":
            self.secrets[name] = asked.json()
        elif asked.method == "DELETE":
            return content(self.secrets.pop(name))
        return content(self.secrets[name])

    def _pod(self, asked):
        if asked.path.endswith("/log"):
            assert asked.query["sinceSeconds"] == "3600"
            assert asked.query["container"] == "user-container"
            return content("")._replace(body=(self.folder / "pod.log").read_bytes())
        name = asked.query["labelSelector"].removeprefix("serving.knative.dev/service=")
        pods = [{"metadata": {"name": f"{name}-pod"}}] if name in self.pods else []
        return content({"items": pods})

    def _ingress(self, name, asked):
        pod = self.pods.get(name)
        if pod is None:
            return _status(404, "no such host")
        return pod.ask(asked, urlsplit(asked.path).path)


def _status(code, message):
    reason = "AlreadyExists" if code == 409 else ""
    said = {"kind": "Status", "code": code, "message": message, "reason": reason}
    return content(said, code)
