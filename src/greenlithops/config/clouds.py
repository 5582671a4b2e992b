"""The sections of Google's and Azure's services of functions."""

from __future__ import annotations

from greenlithops.config.functions import DOCKER, functions, needless
from greenlithops.config.keys import anything, flag, many, number, secret, text, whole

GOOGLE = (
    text("region", "the region"),
    text("project_name", "the project"),
    text("service_account", "the account that functions have"),
    text("credentials_path", "the service account's file"),
)
_AZURE = (
    text("resource_group", "the resource group"),
    text("region", "the region"),
    text("location", "the same"),
    text("subscription_id", "the subscription"),
    text("storage_account_name", "the account that the code is kept in"),
    secret("storage_account_key", "its key"),
    text("storage_endpoint", "the URL of its Blob service, instead of Azure's"),
)
_OURS = (
    anything("env_vars", "environment variables"),
    many("requirements", "packages to bring, as pip takes them"),
    text("namespace", "a part of the names"),
    whole("worker_processes", "calls of one invocation at a time, each in a process"),
    text("endpoint", "the control plane's URL, instead of the provider's"),
)
_BY_REPLY = "results come in the replies to requests"
_RETRIED = "what is throttled is sent again by itself; lithops.retries is for calls that fail"

CLOUDS = (
    functions(
        "gcp_functions",
        "Google Cloud Functions.",
        *GOOGLE,
        *_OURS,
        whole("min_workers", "instances that stay", least=0),
        *needless(_BY_REPLY, text("trigger", "what invokes", choices=("pub/sub", "https"))),
        *needless(
            _RETRIED,
            whole("retries", "attempts to invoke", least=0),
            number("retry_sleep", "seconds between them"),
        ),
        cloud="gcp",
        required="region",
    ),
    functions(
        "gcp_cloudrun",
        "Google Cloud Run.",
        *GOOGLE,
        *_OURS,
        number("runtime_cpu", "CPUs of an instance"),
        whole("min_workers", "instances that stay", least=0),
        text("artifact_registry_repository", "where images are built to"),
        text("source_bucket", "where images are built from"),
        *needless(_BY_REPLY, text("trigger", "what invokes")),
        *needless("Google builds the image, into its own registry", *DOCKER),
        cloud="gcp",
        required="region",
    ),
    functions(
        "azure_functions",
        "Azure Functions.",
        *_AZURE,
        *_OURS,
        whole("min_workers", "instances that stay", least=0),
        anything("functions_version", "the version of the service"),
        text("plan", "the hosting plan", choices=("flex", "consumption")),
        text("application_insights", "the component that keeps the logs"),
        flag("asynchronous", "invoke by a queue, and reply through the storage"),
        whole("queue_seconds", "how long an asynchronous invocation may wait for its turn"),
        text("queue_endpoint", "the URL of the account's Queue service, instead of Azure's"),
        *needless(_BY_REPLY, text("trigger", "what invokes", choices=("pub/sub", "https"))),
        cloud="azure",
        required="resource_group region",
    ),
    functions(
        "azure_containers",
        "Azure Container Apps.",
        *_AZURE,
        *_OURS,
        *DOCKER,
        number("runtime_cpu", "CPUs of an instance"),
        whole("min_workers", "instances that stay", least=0),
        text("environment", "the environment"),
        text("environment_id", "its id"),
        text("log_analytics_workspace", "the workspace that keeps the logs"),
        *needless(_BY_REPLY, text("trigger", "what invokes")),
        cloud="azure",
        required="resource_group region",
    ),
)
