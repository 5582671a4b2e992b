"""A stand-in for Oracle Functions and its logs; its containers run Oracle's own kit for Python."""

import contextlib
import http.client
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from support.clouds.stand_in import Said, StandIn, content

BASE = "/20260325/"
COMPARTMENT = "ocid1.compartment.oc1..calls"
FUNC = "from greenlithops.worker.fdk_function import handler\n"


def pem(key, phrase=None):
    how = serialization.NoEncryption()
    if phrase:
        how = serialization.BestAvailableEncryption(phrase)
    kind = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, kind, how).decode()


KEY = pem(rsa.generate_private_key(65537, 2048))


class Kit:
    """A container: Oracle's kit on a socket of the file system, one call at a time."""

    def __init__(self, folder, sdk, code, config, number):
        # A socket's path has at most 107 bytes, and a test's folder may take all of them.
        self._socket = Path(tempfile.mkdtemp(prefix="greenlithops-fdk-")) / f"{number}.sock"
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sdk.parent / "fdk", folder / "func.py", "handler"],
                env={
                    "PATH": os.environ["PATH"],
                    "PYTHONPATH": str(code),
                    "FN_FORMAT": "http-stream",
                    "FN_LISTENER": f"unix:{self._socket}",
                    **config,
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in range(1000):
            if self._socket.exists():
                return
            time.sleep(0.02)
        raise AssertionError((folder / "log").read_text())

    def ask(self, body, seconds):
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(seconds)
        try:
            connection.sock.connect(str(self._socket))
            headers = {"Content-Type": "application/octet-stream", "Fn-Call-Id": "1"}
            connection.request("POST", "/call", body, headers)
            answer = connection.getresponse()
            kind = {"Content-Type": answer.headers["content-type"]}
            return Said(answer.status, answer.read(), kind)
        finally:
            connection.close()

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self._socket.parent, ignore_errors=True)  # it may be ended again


class Oracle(StandIn):
    """The API of one compartment.

    Attributes:
        most: containers at most.
    """

    def __init__(self, folder, sdk, code, *, most=8):
        self.folder, self.sdk, self.code, self.most = folder, sdk, code, most
        self.applications, self.functions, self.kits = {}, {}, {}
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._all = []
        self.running = 0
        (folder / "func.py").write_text(FUNC)  # once: kits that are starting read it
        super().__init__()

    def close(self):
        super().close()
        for kit in self._all:
            kit.end()

    def answer(self, asked):
        if not asked.headers.get("authorization", "").startswith("Signature algorithm="):
            return _error(401, "NotAuthenticated", "the request has no signature")
        if asked.path == "/20190909/search":
            name = asked.json()["searchQuery"].split("subject = '")[1].partition("'")[0]
            line = {"logContent": {"subject": name, "data": {"message": f"of {name}\n"}}}
            return content({"results": [{"data": line}, {"data": {"logContent": {}}}]})
        kind, _, name = asked.path.removeprefix(BASE).partition("/")
        return getattr(self, f"_{kind}")(asked, name)

    def _applications(self, asked, name):
        if asked.method == "POST":
            wanted = asked.json()
            assert wanted["compartmentId"] == COMPARTMENT
            one = wanted | {"id": f"ocid1.fnapp.{next(self._numbers)}", "lifecycleState": "ACTIVE"}
            self.applications[one["id"]] = one
            return content(one | {"lifecycleState": "CREATING"})
        if name:
            return content(self.applications[name])
        return content(
            [
                one
                for one in self.applications.values()
                if one["displayName"] == asked.query["displayName"]
            ]
        )

    def _functions(self, asked, name):
        name, _, part = name.partition("/")
        if asked.method == "POST" and not name:
            one = asked.json()
            assert one["applicationId"] in self.applications
            known = {"id": f"ocid1.fnfunc.{next(self._numbers)}", "lifecycleState": "ACTIVE"}
            self.functions[known["id"]] = one | known
            self.kits[known["id"]] = []
            return content(one | known)
        if not name:
            return self._listed(asked)
        if name not in self.functions:
            return _error(404, "NotAuthorizedOrNotFound", "no such function")
        if part == "actions/invoke":
            return self._invoke(asked, name)
        if asked.method == "DELETE":
            del self.functions[name]
            return Said(204)
        if asked.method == "PUT":
            self.functions[name] |= asked.json()
            self.kits[name].clear()
        return content(self.functions[name])

    def _listed(self, asked):
        wanted = asked.query.get("displayName")
        found = [
            {key: value for key, value in one.items() if key != "config"}
            for one in self.functions.values()
            if wanted in {None, one["displayName"]}
        ]
        after = int(asked.query.get("page", "0"))
        more = {"opc_next_page": after + 1} if after + 1 < len(found) else {}
        return content(found[after : after + 1], **more)

    def _invoke(self, asked, name):
        assert asked.headers["fn-invoke-type"] == "sync"
        function = self.functions[name]
        with self._lock:
            if self.running >= self.most:
                return _error(429, "TooManyRequests", "the tenancy's limit is reached")
            self.running += 1
            kit = self.kits[name].pop() if self.kits[name] else None
        try:
            if kit is None:
                number = next(self._numbers)
                kit = Kit(self.folder, self.sdk, self.code, function["config"], number)
                self._all.append(kit)
            said = kit.ask(asked.body, function["timeoutInSeconds"])
        except TimeoutError:
            kit.end()
            return _error(504, "FunctionInvokeExecutionTimeout", "Timed out")
        except (OSError, http.client.HTTPException):
            kit.end()
            return _error(502, "FunctionInvokeExecutionFailed", "function failed")
        else:
            self.kits[name].append(kit)
            return said
        finally:
            with self._lock:
                self.running -= 1


def _error(status, code, message):
    return content({"code": code, "message": message}, status)


#: Oracle's own client signs the same requests.
SIGNATURES = """
import json, sys
from types import SimpleNamespace
from oci.signer import Signer
said = json.load(sys.stdin)
signer = Signer("tenancy", "user", "aa:bb", None, private_key_content=said["key"])
for one in said["requests"]:
    request = SimpleNamespace(
        method=one["method"], url="http://" + one["headers"]["host"] + one["path"],
        path_url=one["path"], headers=dict(one["headers"]), body=one["body"].encode("latin-1"),
    )
    signer(request)
    print(request.headers["authorization"])
"""
#: And sends these for the same operations.
SDK = """
import json, sys
import oci
said = json.load(sys.stdin)
config = {
    "tenancy": "ocid1.tenancy.oc1..a", "user": "ocid1.user.oc1..a", "fingerprint": "aa:bb",
    "key_content": said["key"], "region": "eu-frankfurt-1",
}
more = {"service_endpoint": sys.argv[1], "retry_strategy": oci.retry.NoneRetryStrategy()}
config["fingerprint"] = ":".join(["aa"] * 16)
functions = oci.functions.FunctionsManagementClient(config, **more)
invoke = oci.functions.FunctionsInvokeClient(config, **more)
search = oci.loggingsearch.LogSearchClient(config, **more)
m = oci.functions.models
def made(kind, content):
    # What the models do not know is lost here, and then the requests differ.
    names = {value: key for key, value in kind().attribute_map.items()}
    return kind(**{names[key]: value for key, value in content.items() if key in names})
source = made(m.CreateContainerImageFunctionSourceDetails, said["create"]["sourceDetails"])
new = made(m.UpdateContainerImageFunctionSourceDetails, said["update"]["sourceDetails"])
a, f = said["application"], said["function"]
create = made(m.CreateFunctionDetails, said["create"])
create.source_details = source
update = made(m.UpdateFunctionDetails, said["update"])
update.source_details = new
operations = [
    lambda: functions.list_applications(
        said["app"]["compartmentId"], display_name="greenlithops", limit=50,
        lifecycle_state="ACTIVE",
    ),
    lambda: functions.create_application(made(m.CreateApplicationDetails, said["app"])),
    lambda: functions.get_application(a),
    lambda: functions.list_functions(a, limit=50, display_name=said["create"]["displayName"]),
    lambda: functions.list_functions(a, limit=50),
    lambda: functions.create_function(create),
    lambda: functions.update_function(f, update),
    lambda: functions.get_function(f),
    lambda: functions.delete_function(f),
    lambda: invoke.invoke_function(f, invoke_function_body=b"x", fn_invoke_type="sync"),
    lambda: search.search_logs(
        made(oci.loggingsearch.models.SearchLogsDetails, said["search"]), limit=500
    ),
]
for operation in operations:
    try:
        operation()
    except oci.exceptions.ServiceError as error:
        print(error)
"""
