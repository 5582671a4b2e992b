"""A function app as Azure's control plane takes it; pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.hosted import PACKAGE_VARIABLE, Service
from greenlithops.backends.compute.services import PYTHON, digest_of
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.azure_functions.options import AzureFunctionsOptions

TAG, SETTINGS, PYTHON_TAG = "greenlithops", "greenlithops-settings", "greenlithops-python"
STORAGE_SETTING = "AzureWebJobsStorage"
QUEUE_VARIABLE = "GREENLITHOPS_QUEUE"
ROUTE = "calls"
LEAST_INSTANCES = 40  #: that Flex Consumption takes as a maximum
_MAIN = f"""\
import azure.functions as func

from greenlithops.worker.http_function import respond

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.route(route="{ROUTE}", methods=["GET", "POST"])
def calls(req: func.HttpRequest) -> func.HttpResponse:
    body, status, headers = respond(req.method, req.headers, req.get_body())
    return func.HttpResponse(body, status_code=status, headers=headers)
"""
_LATER = f"""

import json

from greenlithops.worker.lambda_handler import handler


@app.queue_trigger(
    arg_name="msg", queue_name="%{QUEUE_VARIABLE}%", connection="{STORAGE_SETTING}"
)
def later(msg: func.QueueMessage) -> None:
    handler(json.loads(msg.get_body()), None)
"""
_LOGGING = {"logLevel": {"default": "Warning", "Function.calls.User": "Information"}}
#: who waits is not in a queue of the host, but sent elsewhere, or refused and sent again
_HTTP: dict[str, Any] = {"http": {"maxOutstandingRequests": 20, "maxConcurrentRequests": 1}}
_QUEUES = {
    "queues": {
        "batchSize": 1,
        "newBatchThreshold": 0,
        "maxDequeueCount": 1,  # whether calls run again is for `retries=` to say
        "maxPollingInterval": "00:00:02",
        "messageEncoding": "none",
    }
}


def files(options: AzureFunctionsOptions) -> dict[str, str]:
    """Return what Azure's worker wants to see, beside our code."""
    main, extensions = _MAIN, _HTTP
    if options.asynchronous:
        main, extensions = _MAIN + _LATER, _HTTP | _QUEUES
    host = {"version": "2.0", "logging": _LOGGING, "extensions": extensions}
    return {"function_app.py": main, "host.json": json.dumps(host, indent=2)}


def plan(options: AzureFunctionsOptions) -> dict[str, Any]:
    """Return a hosting plan; one of Flex Consumption has one app."""
    flex = options.plan == "flex"
    sku = {"name": "FC1", "tier": "FlexConsumption"} if flex else {"name": "Y1", "tier": "Dynamic"}
    return {
        "location": options.region,
        "kind": "functionapp",
        "sku": sku,
        "properties": {"reserved": True},  # which means Linux
    }


def site(
    options: AzureFunctionsOptions,
    *,
    plan_id: str,
    digest: str,
    key: str,
    storage: str,
    container: str,
    insights: str | None,
    queue: str,
) -> dict[str, Any]:
    """Return an app.

    Args:
        options: what it is like.
        plan_id: its plan's id.
        digest: of its code.
        key: what messages to it are authenticated with.
        storage: the connection string of the storage account.
        container: the URL of the container that the service keeps the code in; for Flex.
        insights: the connection string of the component that keeps the logs.
        queue: what it takes asynchronous invocations from.
    """
    settings = options.environment() | {
        "AzureFunctionsJobHost__functionTimeout": _span(options.runtime_timeout),
        "PYTHON_THREADPOOL_THREAD_COUNT": "1",
        STORAGE_SETTING: storage,
    }
    if options.asynchronous:
        settings[QUEUE_VARIABLE] = queue
    if insights is not None:
        settings["APPLICATIONINSIGHTS_CONNECTION_STRING"] = insights
    properties: dict[str, Any] = {"serverFarmId": plan_id, "httpsOnly": True, "reserved": True}
    config: dict[str, Any] = {"minTlsVersion": "1.2"}
    if options.plan == "flex":
        properties["functionAppConfig"] = _flex(options, container)
    else:
        config["linuxFxVersion"] = f"PYTHON|{PYTHON}"
        config["functionAppScaleLimit"] = min(options.max_workers, 100)  # the plan's own limit
        settings |= {
            "FUNCTIONS_EXTENSION_VERSION": "~4",
            "FUNCTIONS_WORKER_RUNTIME": "python",
        }
    made_of = digest_of([digest, settings, properties, config])
    settings |= {KEY_VARIABLE: key, PACKAGE_VARIABLE: digest}
    config["appSettings"] = [{"name": name, "value": value} for name, value in settings.items()]
    properties["siteConfig"] = config
    return {
        "location": options.region,
        "kind": "functionapp,linux",
        "tags": {TAG: digest, SETTINGS: made_of, PYTHON_TAG: PYTHON},
        "properties": properties,
    }


def _flex(options: AzureFunctionsOptions, container: str) -> dict[str, Any]:
    scale: dict[str, Any] = {
        "maximumInstanceCount": max(LEAST_INSTANCES, options.max_workers),
        "instanceMemoryMB": options.memory,
        "triggers": {"http": {"perInstanceConcurrency": 1}},
    }
    if options.min_workers:
        scale["alwaysReady"] = [{"name": "http", "instanceCount": options.min_workers}]
    storage = {
        "type": "blobContainer",
        "value": container,
        "authentication": {
            "type": "StorageAccountConnectionString",
            "storageAccountConnectionStringName": STORAGE_SETTING,
        },
    }
    return {
        "deployment": {"storage": storage},
        "runtime": {"name": "python", "version": PYTHON},
        "scaleAndConcurrency": scale,
    }


def service_of(
    found: Mapping[str, Any], settings: Mapping[str, str], scheme: str = "https"
) -> Service:
    """Return an app as Azure describes it, with its settings, which Azure tells apart."""
    properties, tags = found.get("properties") or {}, found.get("tags") or {}
    flex = (properties.get("functionAppConfig") or {}).get("scaleAndConcurrency") or {}
    host = properties.get("defaultHostName")
    return Service(
        name=found["name"],
        url=f"{scheme}://{host}/api/{ROUTE}" if host else None,
        python=tags.get(PYTHON_TAG),
        memory_mb=flex.get("instanceMemoryMB"),
        timeout_seconds=_seconds(settings.get("AzureFunctionsJobHost__functionTimeout")),
        package=tags.get(TAG),
        modified=str(properties.get("lastModifiedTimeUtc") or ""),
        key=settings.get(KEY_VARIABLE),
    )


def _span(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _seconds(span: str | None) -> float | None:
    if not span:
        return None
    hours, minutes, seconds = map(float, span.split(":"))
    return hours * 3600 + minutes * 60 + seconds
