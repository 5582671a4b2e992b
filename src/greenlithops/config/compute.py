"""The sections of Lithops' serverless and batch backends."""

from __future__ import annotations

from greenlithops.config.general import LOCALHOST
from greenlithops.config.keys import (
    Fate,
    Key,
    Role,
    Section,
    anything,
    flag,
    keyed,
    many,
    mapping,
    number,
    secret,
    text,
    waiting,
    whole,
)

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
DOCKER = (
    text("docker_server", "the registry"),
    text("docker_user", "its user"),
    secret("docker_password", "its password, or token"),
    text("docker_namespace", "where in the registry"),
)
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
GCP = (
    text("region", "the region"),
    text("project_name", "the project"),
    text("service_account", "the account that functions have"),
    text("credentials_path", "the service account's file"),
)
_AZURE_ACCOUNT = (
    text("storage_account_name", "the account of the queue"),
    secret("storage_account_key", "its key"),
)
_AZURE = (
    text("resource_group", "the resource group"),
    text("region", "the region"),
    text("location", "the same"),
    text("subscription_id", "the subscription"),
)
IBM = (
    secret("iam_api_key", "an API key of the account"),
    text("region", "the region"),
    text("resource_group_id", "the resource group"),
    secret("token", "an IAM token"),
    anything("token_expiry_time", "when it expires"),
)
_KUBE = (
    text("namespace", "the namespace"),
    text("kubecfg_path", "the cluster's configuration file"),
    text("kubecfg_context", "the context in it"),
    text("cluster", "the cluster"),
    text("user", "the user"),
    text("master_name", "the name of the coordinating pod"),
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


#: options of an executor that mean the same wherever calls run
_EVERYWHERE = (
    "energy", "energy_budget", "energy_log", "extra_env", "hooks", "log_bytes", "retries",
    "timeout",
)  # fmt: skip


def _needless(advice: str, *keys: Key) -> tuple[Key, ...]:
    return tuple(key._replace(fate=Fate.NEEDLESS, advice=advice) for key in keys)


def _functions(name: str, about: str, *keys: Key, cloud: str = "", required: str = "") -> Section:
    """Return the section of a service of functions that is there."""
    common = (
        text("runtime", "the function's name, instead of one that follows from its content"),
        whole("runtime_memory", "MB of the function"),
        whole("runtime_timeout", "seconds that an invocation may take"),
        whole("max_workers", "invocations at a time at most"),
        number("patience", "seconds for which the service may be away"),
        *_needless(
            "an environment runs one invocation at a time; see chunksize",
            whole("worker_processes", "processes in each worker"),
        ),
        *_needless(
            "one event loop invokes",
            whole("invoke_pool_threads", "threads that invoke"),
            flag("remote_invoker", "invoke from a function"),
        ),
        *_needless(
            "functions travel with their calls",
            flag("runtime_include_function", "build an image for each function"),
        ),
        text("backend", "set by Lithops itself"),
        text("storage", "set by Lithops itself"),
    )
    own = keyed(*common, *keys) | {key: LOCALHOST.keys[key] for key in _EVERYWHERE}
    return Section(name, Role.COMPUTE, about, own, cloud, "serverless", tuple(required.split()))


SERVERLESS = (
    _functions(
        "aws_lambda",
        "AWS Lambda.",
        *AWS,
        text("profile", "the same as config_profile"),
        text("endpoint", "the service's URL, instead of AWS'"),
        *_needless("the package is built here, without an image", *DOCKER),
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
    _engine(
        "gcp_functions",
        "Google Cloud Functions.",
        *GCP,
        text("trigger", "what invokes", choices=("pub/sub", "https")),
        whole("retries", "attempts to invoke", least=0),
        number("retry_sleep", "seconds between them"),
        cloud="gcp",
        required="region",
    ),
    _engine(
        "gcp_cloudrun",
        "Google Cloud Run.",
        *GCP,
        *DOCKER,
        CPU,
        whole("min_workers", "workers that stay", least=0),
        text("trigger", "what invokes"),
        text("artifact_registry_repository", "where images are"),
        cloud="gcp",
        required="region",
    ),
    _engine(
        "azure_functions",
        "Azure Functions.",
        *_AZURE,
        *_AZURE_ACCOUNT,
        text("trigger", "what invokes", choices=("pub/sub", "https")),
        anything("functions_version", "the version of the service"),
        cloud="azure",
        required="resource_group region",
    ),
    _engine(
        "azure_containers",
        "Azure Container Apps.",
        *_AZURE,
        *_AZURE_ACCOUNT,
        *DOCKER,
        text("trigger", "what invokes"),
        text("environment", "the environment"),
        text("environment_id", "its id"),
        cloud="azure",
        required="resource_group region",
    ),
    _engine(
        "aliyun_fc",
        "Alibaba's Function Compute.",
        *DOCKER,
        text("account_id", "the account"),
        secret("access_key_id", "the key's name"),
        secret("access_key_secret", "the key"),
        text("role_arn", "the functions' role"),
        text("region", "the region"),
        text("public_endpoint", "its URL"),
        text("deploy_mode", "how functions are sent"),
        cloud="aliyun",
    ),
    _engine(
        "oracle_f",
        "Oracle Functions.",
        *DOCKER,
        text("compartment_id", "the compartment"),
        text("user", "the user"),
        text("key_file", "the file with the private key"),
        text("region", "the region"),
        text("tenancy", "the tenancy"),
        text("tenancy_namespace", "its namespace"),
        text("fingerprint", "the key's fingerprint"),
        text("subnet_id", "the subnet"),
        text("application_name", "the application"),
        cloud="oracle",
    ),
    _engine(
        "code_engine",
        "IBM Code Engine.",
        *IBM,
        *DOCKER,
        CPU,
        text("namespace", "the namespace"),
        text("project_name", "the project"),
        text("project_id", "its id"),
        whole("connection_retries", "attempts to connect", least=0),
        cloud="ibm",
    ),
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
    _engine(
        "openwhisk",
        "Apache OpenWhisk.",
        *DOCKER,
        text("endpoint", "its URL"),
        text("namespace", "the namespace"),
        secret("api_key", "the key"),
        flag("insecure", "do not check certificates"),
        required="endpoint namespace api_key",
    ),
    _engine(
        "knative",
        "Knative.",
        *_KUBE,
        *DOCKER,
        CPU,
        text("networking_layer", "kourier or istio"),
        text("ingress_endpoint", "its URL"),
        text("service_host_suffix", "a part of the names"),
        text("git_url", "what images are built from"),
        text("git_rev", "its revision"),
    ),
    _engine(
        "k8s",
        "Kubernetes.",
        *_KUBE,
        *DOCKER,
        CPU,
        number("master_timeout", "seconds that the coordinating pod lives"),
        text("runtime_arch", "of the nodes", choices=("amd64", "arm64")),
        flag("rabbitmq_executor", "give calls to warm pods by RabbitMQ"),
        secret("amqp_url", "the RabbitMQ server"),
        mapping("container_security_context", "of containers", nullable=True),
        mapping("pod_security_context", "of pods", nullable=True),
    ),
    _engine(
        "singularity",
        "Singularity.",
        secret("amqp_url", "the RabbitMQ server"),
        text("sif_path", "where images are"),
        required="runtime",
    ),
    _engine("cloudrun", "The former name of gcp_cloudrun.", *GCP, CPU, cloud="gcp"),
)
