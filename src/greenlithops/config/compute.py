"""The sections of Lithops' serverless and batch backends."""

from __future__ import annotations

from greenlithops.config.clouds import CLOUDS, GOOGLE
from greenlithops.config.functions import DOCKER, functions, needless
from greenlithops.config.keys import (
    Key,
    Role,
    Section,
    anything,
    flag,
    many,
    mapping,
    number,
    secret,
    text,
    waiting,
    whole,
)
from greenlithops.config.kubernetes import KUBERNETES
from greenlithops.config.services import SERVICES

RUNTIME = (
    text("runtime", "the container image, or the runtime's name"),
    whole("runtime_memory", "MB of a worker"),
    number("runtime_timeout", "seconds that a worker may run"),
    whole("max_workers", "workers at most"),
    whole("worker_processes", "processes in each worker"),
    whole("invoke_pool_threads", "threads that invoke"),
    flag("remote_invoker", "invoke from a function"),
    flag("runtime_include_function", "build an image for each function"),
    text("backend", "set by Lithops itself"),
    text("storage", "set by Lithops itself"),
)
CPU = number("runtime_cpu", "CPUs of a worker")
AWS = (
    text("region", "the region"),
    text("region_name", "the same"),
    secret("access_key_id", "the key's name"),
    secret("secret_access_key", "the key"),
    secret("session_token", "of temporary credentials"),
    text("account_id", "the account"),
    text("user_id", "the user"),
    text("config_profile", "the profile of AWS's own configuration"),
    flag("sso", "log in by single sign-on"),
)
IBM = (
    secret("iam_api_key", "an API key of the account"),
    text("region", "the region"),
    text("resource_group_id", "the resource group"),
    secret("token", "an IAM token"),
    anything("token_expiry_time", "when it expires"),
)
ADVICE = "leave backend out, or say 'localhost', to run on this machine"


def _engine(
    name: str, about: str, *keys: Key, cloud: str = "", required: str = "", advice: str = ADVICE
) -> Section:
    return Section(
        name,
        Role.COMPUTE,
        about,
        waiting(*RUNTIME, *keys),
        cloud,
        "serverless",
        tuple(required.split()),
        advice=advice,
    )


SERVERLESS = (
    functions(
        "aws_lambda",
        "AWS Lambda.",
        *AWS,
        text("profile", "the same as config_profile"),
        text("endpoint", "the service's URL, instead of AWS'"),
        *needless("the package is built here, without an image", *DOCKER),
        many("layers", "ARNs of layers"),
        many("requirements", "packages to bring, as pip takes them"),
        text("execution_role", "the functions' role"),
        text("architecture", "x86_64 or arm64", choices=("x86_64", "arm64")),
        whole("ephemeral_storage", "MB of /tmp"),
        anything("env_vars", "environment variables"),
        anything("user_tags", "tags"),
        text("namespace", "a part of the functions' names"),
        mapping("vpc", "subnets and security_groups"),
        many("efs", "access_point and mount_path of each"),
        whole("worker_processes", "calls of one invocation at a time, each in a process"),
        flag("asynchronous", "accept invocations, and reply through the storage"),
        text("image", "the URI of a container image, instead of a package"),
        whole("queue_seconds", "how long an asynchronous invocation may wait for its turn"),
        cloud="aws",
        required="execution_role region",
    ),
    _engine(
        "aws_batch",
        "AWS Batch.",
        *AWS,
        *DOCKER,
        CPU,
        number("container_vcpus", "the same, until Lithops 3"),
        text("execution_role", "the tasks' execution role"),
        text("instance_role", "the machines' role"),
        text("job_role", "the calls' role"),
        text("service_role", "the service's role"),
        many("security_groups", "security groups"),
        many("subnets", "subnets"),
        many("instance_types", "machines"),
        number("env_max_cpus", "CPUs in all"),
        text("env_type", "machines or not", choices=("EC2", "SPOT", "FARGATE", "FARGATE_SPOT")),
        flag("assign_public_ip", "give tasks a public address"),
        text("namespace", "a part of the names"),
        cloud="aws",
        required="execution_role security_groups region",
    ),
    *CLOUDS,
    *SERVICES,
    _engine(
        "ibm_cf",
        "IBM Cloud Functions.",
        *IBM,
        *DOCKER,
        text("endpoint", "its URL"),
        text("namespace", "the namespace"),
        text("namespace_id", "its id"),
        cloud="ibm",
        advice="IBM has shut the service down; use 'localhost', or IBM's Code Engine",
    ),
    *KUBERNETES,
    _engine(
        "singularity",
        "Singularity.",
        secret("amqp_url", "the RabbitMQ server"),
        text("sif_path", "where images are"),
        required="runtime",
    ),
    _engine("cloudrun", "The former name of gcp_cloudrun.", *GOOGLE, CPU, cloud="gcp"),
)
