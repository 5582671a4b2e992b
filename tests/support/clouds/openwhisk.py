"""A stand-in for OpenWhisk: its API by its published description, its containers are processes."""

import base64
import io
import itertools
import json
import threading
import time
import zipfile

import jsonschema

from support.clouds.container import Container, Died, Late, Pool
from support.clouds.stand_in import Said, StandIn, content

BASE = "/api/v1/namespaces/guest/"
AUTH = "Basic " + base64.b64encode(b"me:secret").decode()
KEY_VALUE = {
    "type": "object",
    "required": ["key", "value"],
    "properties": {"key": {"type": "string"}, "value": {}, "init": {"type": "boolean"}},
    "additionalProperties": False,
}
# The definitions ActionPut and PackagePut of OpenWhisk's API 0.1.0, and what its controller knows
# besides (main, binary, init).
PUT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "version": {"type": "string"},
        "publish": {"type": "boolean"},
        "annotations": {"type": "array", "items": KEY_VALUE},
        "parameters": {"type": "array", "items": KEY_VALUE},
        "limits": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "timeout": {"type": "integer", "minimum": 100, "maximum": 300_000},
                "memory": {"type": "integer", "minimum": 128, "maximum": 2048},
            },
        },
        "exec": {
            "type": "object",
            "required": ["kind"],
            "additionalProperties": False,
            "properties": {
                "kind": {"enum": ["blackbox", "python:3", "python:3.12"]},
                "code": {"type": "string"},
                "image": {"type": "string"},
                "main": {"type": "string"},
                "binary": {"type": "boolean"},
            },
        },
    },
}
# As OpenWhisk's action loop does it: a line with the value and the variables, an answer on its own
# descriptor, what is printed goes to the log.
LAUNCHER = """
import json, os, sys, runpy, traceback
out = os.fdopen(int(sys.argv[1]), "w")
main = runpy.run_path("__main__.py")["main"]
for line in sys.stdin:
    args = json.loads(line)
    for name, value in args.items():
        if name != "value":
            os.environ["__OW_" + name.upper()] = value
    try:
        answer = main(args["value"])
    except Exception as error:
        traceback.print_exc()
        answer = {"error": str(error)}
    sys.stdout.flush()
    out.write(json.dumps(answer) + "\\n")
    out.flush()
"""


class OpenWhisk(StandIn):
    """The API of one namespace.

    Attributes:
        hold: seconds for which a blocking request is held.
        init: whether it knows of variables of the environment that are bound to actions.
    """

    def __init__(self, folder, *, hold=60.0, init=True, most=16):
        self.folder = folder
        self.hold, self.init, self.most = hold, init, most
        self.packages, self.actions, self.pools, self.records = set(), {}, {}, {}
        self._ids = itertools.count(1)
        self._threads = []
        super().__init__()

    def close(self):
        super().close()
        for pool in self.pools.values():
            pool.close()
        for thread in self._threads:
            thread.join()

    def answer(self, asked):
        if asked.headers.get("authorization") != AUTH:
            return content({"error": "The supplied authentication is invalid"}, 401)
        if not asked.path.startswith(BASE):
            return content({"error": "The requested resource does not exist."}, 404)
        kind, _, name = asked.path[len(BASE) :].partition("/")
        return getattr(self, f"_{kind}")(asked, name)

    def _packages(self, asked, name):
        jsonschema.validate(asked.json(), PUT)
        self.packages.add(name)
        return content({"name": name, "namespace": "guest", "version": "0.0.1"})

    def _actions(self, asked, name):
        if asked.method == "GET" and not name:
            skip, limit = int(asked.query["skip"]), int(asked.query["limit"])
            brief = [
                {key: value for key, value in one.items() if key != "parameters"}
                for one in self.actions.values()
            ]
            return content(brief[skip : skip + limit])
        if asked.method == "PUT":
            return self._put(asked, name)
        if name not in self.actions:
            return content({"error": "The requested resource does not exist."}, 404)
        if asked.method == "DELETE":
            self.pools.pop(name).close()
            return content(self.actions.pop(name))
        if asked.method == "POST":
            return self._invoke(asked, name)
        return content(self.actions[name])

    def _put(self, asked, name):
        wanted = asked.json()
        try:
            jsonschema.validate(wanted, PUT)
        except jsonschema.ValidationError as error:
            return content({"error": f"The request content was malformed: {error.message}"}, 400)
        package = name.partition("/")[0]
        if package not in self.packages:
            return content({"error": "The requested resource does not exist."}, 404)
        if name in self.actions and asked.query.get("overwrite") != "true":
            return content({"error": "resource already exists"}, 409)
        code = wanted["exec"].pop("code")
        place = self.folder / f"code-{len(self.asked)}"
        zipfile.ZipFile(io.BytesIO(base64.b64decode(code))).extractall(place)
        if name in self.pools:
            self.pools.pop(name).close()
        bound = {one["key"]: one["value"] for one in wanted["parameters"]}
        environment = bound if self.init else {}

        def start():
            return Container(place, LAUNCHER, environment, self.folder / "log")

        self.pools[name] = Pool(start, self.most)
        known = {"name": name.partition("/")[2], "namespace": f"guest/{package}"}
        self.actions[name] = wanted | known | {"version": "0.0.1", "publish": False}
        return content(self.actions[name])

    def _invoke(self, asked, name):
        assert asked.query["blocking"] == "true"
        if len(asked.body) > 1 << 20:
            return content({"error": "Request larger than allowed"}, 413)
        action = self.actions[name]
        bound = {} if self.init else {one["key"]: one["value"] for one in action["parameters"]}
        activation = f"{next(self._ids):032x}"
        done = threading.Event()
        found = []

        def run():
            found.append(self._run(activation, name, action, {**asked.json(), **bound}))
            done.set()

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()
        if not done.wait(self.hold):
            return content({"activationId": activation}, 202)
        return found[0]

    def _run(self, activation, name, action, value):
        begin = time.time()
        seconds = action["limits"]["timeout"] / 1000
        cold, status, result = False, "success", {}
        try:
            asked = self.pools[name].ask({"value": value, "activation_id": activation}, seconds)
            if asked is None:
                return content(
                    {"error": "Too many concurrent requests in flight (count: 16, allowed: 16)."},
                    429,
                )
            result, cold = asked
        except Late:
            status = "action developer error"
            millis = action["limits"]["timeout"]
            result = {"error": f"The action exceeded its time limits of {millis} milliseconds."}
        except Died as error:
            status = "action developer error"
            result = {"error": "The action did not produce a valid response and exited."}
            if error.args[0] == -9:
                result = {"error": "The action exhausted its memory and was aborted."}
        if "error" in result and status == "success":
            status = "application error"
        took = round((time.time() - begin) * 1000)
        notes = [{"key": "initTime", "value": 31}] if cold else []
        record = {
            "activationId": activation,
            "name": name.partition("/")[2],
            "start": int(begin * 1000),
            "duration": took,
            "annotations": [{"key": "kind", "value": "python:3"}, *notes],
            "response": {"status": status, "success": status == "success", "result": result},
            "logs": [],
        }
        if len(json.dumps(result)) > 1 << 20:
            record["response"] = {
                "status": "application error",
                "success": False,
                "result": {"error": "The action produced a response that exceeded the limit."},
            }
        self.records[activation] = record
        return content(record, 200 if record["response"]["success"] else 502)

    def _activations(self, asked, name):
        if not name:
            wanted = asked.query["name"].partition("/")[2]
            found = [one for one in self.records.values() if one["name"] == wanted]
            return content([{"activationId": one["activationId"]} for one in reversed(found)])
        name, _, part = name.partition("/")
        if name not in self.records:
            return content({"error": "The requested resource does not exist."}, 404)
        if part == "logs":
            return content({"logs": [f"activation {name}"]})
        return content(self.records[name])


BUSY = Said(429, b'{"error": "Too many requests in the last minute"}')
