"""A stand-in for Function Compute: its API keeps functions, its instances are processes."""

import base64
import io
import zipfile

from support.clouds.container import Container, Died, Late, Pool
from support.clouds.stand_in import Pod, Said, StandIn, content

BASE = "/2023-03-30/functions"
# As the service's Python calls an event function: bytes each way, errors as JSON.
LAUNCHER = """
import base64, json, os, sys, traceback
sys.path.insert(0, os.getcwd())
out = os.fdopen(int(sys.argv[1]), "w")
from index import handler
for line in sys.stdin:
    event = base64.b64decode(json.loads(line))
    try:
        answer = handler(event, None)
        assert isinstance(answer, bytes)
        said = {"body": base64.b64encode(answer).decode()}
    except Exception as error:
        said = {"error": {"errorMessage": str(error), "errorType": type(error).__name__}}
    out.write(json.dumps(said) + "\\n")
    out.flush()
"""


class FunctionCompute(StandIn):
    """The API of one account in one region.

    Attributes:
        pending: how many looks find a function that is not ready yet.
        most: instances at most.
    """

    def __init__(self, folder, *, most=16):
        self.folder = folder
        self.most = most
        self.functions, self.instances = {}, {}
        self.pending = 1
        super().__init__()

    def close(self):
        super().close()
        for one in self.instances.values():
            getattr(one, "end", None) and one.end()
            getattr(one, "close", None) and one.close()

    def answer(self, asked):
        if "Credential=key-id," not in asked.headers.get("authorization", ""):
            return _error(403, "InvalidAccessKeyID", "the access key is not there")
        name, _, part = asked.path[len(BASE) + 1 :].partition("/")
        if asked.method == "POST" and not name:
            wanted = asked.json()
            if wanted["functionName"] in self.functions:
                return _error(409, "FunctionAlreadyExists", "it is there")
            return self._made(wanted.pop("functionName"), wanted, asked)
        if not name:
            after = int(asked.query.get("nextToken", "0"))
            found = list(self.functions.values())
            more = {"nextToken": str(after + 1)} if after + 1 < len(found) else {}
            return content({"functions": found[after : after + 1], **more})
        if name not in self.functions:
            return _error(404, "FunctionNotFound", f"function {name} does not exist")
        if part:
            return self._invoke(asked, name)
        if asked.method == "DELETE":
            self._ended(name)
            del self.functions[name]
            return Said(204)
        if asked.method == "PUT":
            return self._made(name, self.functions[name] | asked.json(), asked)
        return self._told(name)

    def _told(self, name):
        one = self.functions[name]
        if one.get("looks", 0) > 0:
            one["looks"] -= 1
            return content({**one, "state": "Pending"})
        return content(one)

    def _ended(self, name):
        one = self.instances.pop(name)
        (one.end if isinstance(one, Pod) else one.close)()

    def _made(self, name, wanted, asked):
        code = wanted.pop("code", None)
        environment = wanted["environmentVariables"]
        if name in self.instances:
            self._ended(name)
        if wanted["runtime"] == "custom-container":
            config = wanted["customContainerConfig"]
            assert config["port"] == 8080
            self.instances[name] = Pod(self.folder, config["entrypoint"], environment)
        else:
            place = self.folder / f"code-{len(self.asked)}"
            zipfile.ZipFile(io.BytesIO(base64.b64decode(code["zipFile"]))).extractall(place)

            def start():
                return Container(place, LAUNCHER, environment, self.folder / "log")

            self.instances[name] = Pool(start, self.most)
        self.functions[name] = {
            **wanted,
            "functionName": name,
            "state": "Active",
            "lastUpdateStatus": "Successful",
            "looks": self.pending,
        }
        return content(self.functions[name])

    def _invoke(self, asked, name):
        assert asked.headers["content-type"] == "application/octet-stream"
        function, instance = self.functions[name], self.instances[name]
        if isinstance(instance, Pod):
            said = instance.ask(asked, "/invoke")
            return said._replace(headers={"X-Fc-Invocation-Duration": "12"})
        event = base64.b64encode(asked.body).decode()
        try:
            found = instance.ask(event, function["timeout"])
        except Late:
            return _failed(f"Function timed out after {function['timeout']} seconds")
        except Died as error:
            if error.args[0] == -9:
                return _failed("Function instance is out of memory", "FunctionOOMError")
            return _failed("Process exited unexpectedly before completing request")
        if found is None:
            return _error(429, "ResourceThrottled", "the limit of instances is reached")
        said, _ = found
        if "error" in said:
            return _failed(said["error"]["errorMessage"], said["error"]["errorType"])
        headers = {"X-Fc-Invocation-Duration": "12.5", "X-Fc-Max-Memory-Usage": "30"}
        return Said(200, base64.b64decode(said["body"]), headers)


def _failed(message, kind="UnhandledInvocationError"):
    said = content({"errorMessage": message, "errorType": kind})
    return said._replace(headers={"X-Fc-Error-Type": "UnhandledInvocationError"})


def _error(status, code, message):
    return content({"Code": code, "Message": message, "RequestId": "1"}, status)


#: Alibaba's own client signs the same requests.
SIGNATURES = """
import json, sys
from types import SimpleNamespace
from alibabacloud_tea_openapi.utils import Utils
for one in json.load(sys.stdin):
    request = SimpleNamespace(**one)
    digest = request.headers["x-acs-content-sha256"]
    print(Utils.get_authorization(request, "ACS3-HMAC-SHA256", digest, "key-id", "the secret"))
"""
#: And sends these for the same operations.
SDK = """
import io, json, sys
from alibabacloud_fc20230330.client import Client
from alibabacloud_fc20230330 import models
from alibabacloud_tea_openapi.models import Config
from darabonba.runtime import RuntimeOptions
host, said = sys.argv[1], json.load(sys.stdin)
client = Client(Config(
    access_key_id="key-id", access_key_secret="the secret", endpoint=host, protocol="http",
    region_id="eu-central-1",
))
options = RuntimeOptions(autoretry=False)
created = models.CreateFunctionInput().from_map(said["create"])
client.create_function_with_options(models.CreateFunctionRequest(body=created), {}, options)
changed = models.UpdateFunctionInput().from_map(said["update"])
name = said["create"]["functionName"]
client.update_function_with_options(name, models.UpdateFunctionRequest(body=changed), {}, options)
client.get_function_with_options(name, models.GetFunctionRequest(), {}, options)
client.list_functions_with_options(models.ListFunctionsRequest(limit=100), {}, options)
client.delete_function_with_options(name, {}, options)
invoked = models.InvokeFunctionRequest(body=io.BytesIO(b"x"))
client.invoke_function_with_options(name, invoked, models.InvokeFunctionHeaders(), options)
"""
