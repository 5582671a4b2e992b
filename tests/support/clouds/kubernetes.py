"""A stand-in for a Kubernetes API server: plain HTTP, watches, and processes in place of pods.

It keeps what it is given if it has the schema of a current version; scales Deployments, runs Jobs,
and starts a pod's process again when it ends, as controllers and kubelets do. It has no scheduler,
no images and no rights: what depends on those is tested on a real cluster.
"""

import asyncio
import base64
import itertools
import json
import os
import sys
from pathlib import Path

import kubernetes_validate
import yaml
from aiohttp import web

SCHEMA = Path(__file__).parent.parent / "schemas" / "kubernetes-1.20.json"
KINDS = {"pods": "Pod", "events": "Event", "jobs": "Job", "deployments": "Deployment",
         "secrets": "Secret"}  # fmt: skip
NAMESPACE = "calls"
STATUS_OK = {"kind": "Status", "status": "Success"}


class Cluster:
    """The API server of a namespace.

    Attributes:
        objects: what there is, by kind and name.
        refusal: why no pods are made; None: they are.
        images: why containers of an image do not start, by image.
        asked: methods and paths of all requests.
        minor: the version is 1 and this.
        now: tells the time, in whole seconds as the API does.
        hold: while it is not set, restarts of pods are not told.
    """

    def __init__(self, folder, minor=20):
        self.objects = {}
        self.refusal = None
        self.images = {}
        self.asked = []
        self.minor = minor
        self.now = _now
        self.hold = asyncio.Event()
        self.hold.set()
        self.validated_as = "1.31"
        self._folder = folder
        self._version = itertools.count(100)
        self._oldest = 0
        self._watchers = set()
        self._tasks = {}
        self._ending = set()
        self._closed = False
        self._document = json.loads(SCHEMA.read_text())

    async def start(self):
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]
        self.kubeconfig = self._folder / "kubeconfig"
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
        context = {"cluster": "c", "user": "u", "namespace": NAMESPACE}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "users": [{"name": "u", "user": {"token": "the token"}}],
            "contexts": [{"name": "x", "context": context}],
            "current-context": "x",
        }
        self.kubeconfig.write_text(yaml.safe_dump(content))

    async def close(self):
        self._closed = True
        for task in self._tasks.values():
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        self.disconnect()
        await self._runner.cleanup()
        if self._ending:
            await asyncio.wait(self._ending)

    def of(self, kind):
        return [one for (some, _), one in self.objects.items() if some == kind]

    # What goes wrong.

    def disconnect(self):
        """End all watches."""
        for queue, *_ in list(self._watchers):
            queue.put_nowait(None)

    def forget(self):
        """Know no version any more from before now, and end all watches."""
        self._oldest = next(self._version)
        self.disconnect()

    def delete_pod(self, name, why="deleted"):
        """End a pod's process at once."""
        self._tasks[name].cancel(why)

    def tell(self, event):
        """Have an event happen."""
        name = f"event-{next(self._version)}"
        self._put("Event", name, {"metadata": {"name": name}, **event})

    def grow_up(self):
        """Be of version 1.30 as far as Jobs go: with indexed ones, which 1.21 has brought."""
        self.minor = 30
        spec = self._document["definitions"]["io.k8s.api.batch.v1.JobSpec"]
        spec["properties"]["completionMode"] = {"type": "string"}

    # The API.

    async def _answer(self, request):
        self.asked.append((request.method, request.path))
        if request.headers.get("Authorization") not in ("Bearer the token", "the token"):
            return _refused(401, "Unauthorized")
        if request.path == "/version":
            return web.json_response({"major": "1", "minor": f"{self.minor}+"})
        if request.path == "/openapi/v2":
            return web.json_response(self._document)
        if request.path == "/api/v1/nodes":
            labels = {
                "topology.kubernetes.io/region": "eu-west-3",
                "node.kubernetes.io/instance-type": "m6i.large",
            }
            metadata = {"name": "node-1", "labels": labels}
            node = {"metadata": metadata, "spec": {"providerID": "aws:///eu-west-3a/i-1"}}
            return web.json_response({"items": [node]})
        parts = request.path.split(f"/namespaces/{NAMESPACE}/")[1].split("/")
        kind, name = KINDS[parts[0]], parts[1] if parts[1:] else None
        handler = getattr(self, f"_{request.method.lower()}")
        return await handler(request, kind, name)

    async def _post(self, request, kind, _):
        found = await request.json()
        try:
            kubernetes_validate.validate(found, self.validated_as, strict=True)
        except kubernetes_validate.ValidationError as error:
            return _refused(422, str(error))
        name = found["metadata"]["name"]
        if (kind, name) in self.objects:
            return _refused(409, f"{name} already exists", "AlreadyExists")
        self._put(kind, name, found)
        if kind == "Deployment":
            self._scale(found)
        elif kind == "Job":
            for number in range(min(found["spec"]["parallelism"], 1000)):
                self._start(found, f"{name}-{number}", "Never")
        return web.json_response(found, status=201)

    async def _patch(self, request, kind, name):
        found = self.objects[kind, name]
        for key, value in (await request.json())["spec"].items():
            found["spec"][key] = value
        self._put(kind, name, found)
        if kind == "Deployment":
            self._scale(found)
        return web.json_response(found)

    async def _delete(self, request, kind, name):
        if (kind, name) not in self.objects:
            return _refused(404, f"{name} not found", "NotFound")
        uid = self.objects[kind, name]["metadata"]["uid"]
        self._drop(kind, name)
        for other, label in list(self.objects):
            one = self.objects.get((other, label), {"metadata": {}})
            owners = one["metadata"].get("ownerReferences", [])
            if any(owner["uid"] == uid for owner in owners):
                await self._delete(request, other, label)
        if name in self._tasks:
            self._tasks[name].cancel("deleted")
        return web.json_response(STATUS_OK)

    async def _get(self, request, kind, name):
        if name is not None:
            found = self.objects.get((kind, name))
            return web.json_response(found) if found else _refused(404, "not found", "NotFound")
        wanted = dict(
            part.split("=") for part in request.query.get("labelSelector", "").split(",") if part
        )
        if "watch" not in request.query:
            items = [one for one in self.of(kind) if _has(one, wanted)]
            meta = {"resourceVersion": str(next(self._version))}
            return web.json_response({"items": items, "metadata": meta})
        return await self._watch(request, kind, wanted)

    async def _watch(self, request, kind, wanted):
        response = web.StreamResponse()
        await response.prepare(request)
        since = int(request.query["resourceVersion"])
        queue = asyncio.Queue()
        if since < self._oldest:
            gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
            await response.write(json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            return response
        for one in self.of(kind):
            if int(one["metadata"]["resourceVersion"]) > since:
                queue.put_nowait(("MODIFIED", one))
        entry = (queue, kind, tuple(wanted.items()))
        self._watchers.add(entry)
        try:
            while (event := await queue.get()) is not None:
                line = json.dumps({"type": event[0], "object": event[1]}).encode()
                await response.write(line + b"\n")
        except ConnectionError:
            pass  # who watched has gone
        finally:
            self._watchers.discard(entry)
        return response

    def _put(self, kind, name, one):
        fresh = (kind, name) not in self.objects
        meta = one.setdefault("metadata", {})
        meta.setdefault("uid", f"uid-{next(self._version)}")
        meta["resourceVersion"] = str(next(self._version))
        self.objects[kind, name] = one
        self._told("ADDED" if fresh else "MODIFIED", kind, one)

    def _drop(self, kind, name):
        one = self.objects.pop((kind, name))
        one["metadata"]["resourceVersion"] = str(next(self._version))
        self._told("DELETED", kind, one)

    def _told(self, what, kind, one):
        copy = json.loads(json.dumps(one))
        for queue, some, wanted in self._watchers:
            if some == kind and _has(one, dict(wanted)):
                queue.put_nowait((what, copy))

    # Pods.

    def _scale(self, deployment):
        name, wanted = deployment["metadata"]["name"], deployment["spec"]["replicas"]
        there = sorted(pod for pod in self._tasks if pod.startswith(f"{name}-pool-"))
        for pod in there[wanted:]:
            self._tasks[pod].cancel("deleted")
        if self.refusal and wanted:
            condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
            deployment["status"] = {"conditions": [{**condition, "message": self.refusal}]}
            self._put("Deployment", name, deployment)
            about = {"kind": "ReplicaSet", "name": f"{name}-1"}
            self.tell({"involvedObject": about, "reason": "FailedCreate", "message": self.refusal})
            return
        for _ in range(wanted - len(there)):
            self._start(deployment, f"{name}-pool-{next(self._version)}", "Always")

    def _start(self, owner, name, policy):
        self._tasks[name] = task = asyncio.create_task(self._run(owner, name, policy))
        task.add_done_callback(lambda _: self._ended(owner, name))

    def _ended(self, owner, name):
        self._tasks.pop(name, None)
        if not self._closed and owner in self.of("Deployment"):
            self._scale(owner)

    @staticmethod
    def indexed(owner):
        """Return whether an owner of pods is an indexed Job."""
        return owner["spec"].get("completionMode") == "Indexed"

    async def _run(self, owner, name, policy):
        template = owner["spec"]["template"]
        worker = template["spec"]["containers"][0]
        meta = dict(template["metadata"], name=name)
        if self.indexed(owner):
            note = {"batch.kubernetes.io/job-completion-index": name.rpartition("-")[2]}
            meta["annotations"] = note | meta.get("annotations", {})
        meta["ownerReferences"] = [{"uid": owner["metadata"]["uid"]}]
        status = {"name": "worker", "restartCount": 0, "image": worker["image"], "state": {}}
        pod = {"metadata": meta, "status": {"phase": "Pending", "containerStatuses": [status]}}
        pod["spec"] = dict(template["spec"], nodeName="node-1")
        self._put("Pod", name, pod)
        starting = None
        try:
            if why := self.images.get(worker["image"]):
                status["state"] = {"waiting": {"reason": why, "message": "says the stand-in"}}
                self._put("Pod", name, pod)
                await asyncio.Event().wait()
            while True:
                starting = asyncio.ensure_future(self._process(owner, name, worker))
                process = await asyncio.shield(starting)
                status["state"] = {"running": {"startedAt": self.now()}}
                pod["status"]["phase"] = "Running"
                if status["restartCount"]:
                    await self.hold.wait()
                self._put("Pod", name, pod)
                code = await process.wait()
                ended = {"exitCode": code % 256, "reason": "Error" if code else "Completed"}
                if policy == "Never":
                    status["state"] = {"terminated": ended}
                    pod["status"]["phase"] = "Failed" if code else "Succeeded"
                    self._put("Pod", name, pod)
                    return
                status["lastState"] = {"terminated": ended}
                if code and status["restartCount"]:
                    status["state"] = {"waiting": {"reason": "CrashLoopBackOff"}}
                    self._put("Pod", name, pod)
                    await asyncio.sleep(5)
                status["restartCount"] += 1
        finally:
            if starting is not None:
                ending = asyncio.ensure_future(_end(starting))
                self._ending.add(ending)
                ending.add_done_callback(self._ending.discard)
            if ("Pod", name) in self.objects and policy != "Never":
                self._drop("Pod", name)

    async def _process(self, owner, name, worker):
        places = {}
        for volume in owner["spec"]["template"]["spec"]["volumes"]:
            secret = self.objects.get(("Secret", volume.get("secret", {}).get("secretName")))
            for file, text in (secret or {}).get("data", {}).items():
                places[file] = place = self._folder / f"{name}-{file}"
                place.write_bytes(base64.b64decode(text))
        arguments = [str(places.get(Path(one).name, one)) for one in worker["args"]]
        index = {"JOB_COMPLETION_INDEX": name.rpartition("-")[2]} if self.indexed(owner) else {}
        return await asyncio.create_subprocess_exec(
            *(sys.executable, *worker["command"][1:], *arguments),
            env={**os.environ, "GREENLITHOPS_POD": name, **index},
            start_new_session=True,
        )


async def _end(starting):
    process = await starting
    if process.returncode is None:
        process.kill()
    await process.wait()


def _has(one, wanted):
    labels = one["metadata"].get("labels", {})
    return all(labels.get(name) == value for name, value in wanted.items())


def _now():
    import datetime as dt  # noqa: PLC0415 - only here

    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _refused(status, message, reason=""):
    return web.json_response({"message": message, "reason": reason}, status=status)
