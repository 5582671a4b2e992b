"""The section of the backend for Kubernetes, under its own name and under Lithops'."""

from __future__ import annotations

from greenlithops.config.functions import everywhere, needless
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
    whole,
)

_WARM = "warm pods take calls from Redis: say so in the section redis, and leave this out"
_KEYS = (
    text("image", "the workers' image; `greenlithops runtime build` makes one"),
    text("runtime", "the same"),
    anything("redis", "through which calls travel: a URL, or as the section redis, the default"),
    anything("worker_redis", "the same server as pods reach it, if that is another address"),
    text("mode", "whether pods live on", choices=("pool", "jobs"), default="pool"),
    text("pool", "an installed pool to use"),
    text("kubeconfig", "the cluster's configuration file"),
    text("kubecfg_path", "the same"),
    text("context", "the context in it"),
    text("kubecfg_context", "the same"),
    flag("in_cluster", "use the service account of the pod that this program runs in"),
    text("namespace", "the namespace"),
    whole("min_workers", "pods that are kept", least=0, default=0),
    whole("max_workers", "pods at most", default=100),
    whole("worker_processes", "calls that a pod runs at a time", default=1),
    number("idle_seconds", "after which idle pods are ended", default=60),
    number("lease_seconds", "until the calls of a silent pod go to another", least=1, default=10),
    number("client_seconds", "until pods of a silent program end", least=5, default=60),
    whole("attempts", "pods that may be lost with a call", default=3),
    number("unschedulable_seconds", "for which pods may wait for a place", default=60),
    number("start_seconds", "in which a first pod must run", least=1, default=600),
    number("grace_seconds", "that an ending pod has for its calls", default=30),
    number("runtime_timeout", "seconds that an invocation may run"),
    whole("more_memory", "retries with twice the memory", least=0, default=0),
    number("patience", "seconds for which cluster or Redis may be away", default=60),
    anything("cpu", "CPUs that a pod requests", default=1),
    anything("runtime_cpu", "the same"),
    anything("cpu_limit", "CPUs that it may use"),
    anything("memory", "MiB that a pod requests and may use, or a quantity", default=512),
    anything("runtime_memory", "the same"),
    anything("memory_limit", "if it may use more than it requests"),
    whole("gpu", "GPUs of a pod", least=0, default=0),
    text("gpu_resource", "what the cluster calls them", default="nvidia.com/gpu"),
    mapping("node_selector", "labels of nodes"),
    mapping("affinity", "as in a pod"),
    many("tolerations", "as in a pod"),
    text("priority_class", "of pods"),
    text("service_account", "of pods"),
    many("image_pull_secrets", "names of secrets"),
    text("image_pull_policy", "when it is pulled", choices=("Always", "IfNotPresent", "Never")),
    text("docker_server", "a registry for which a pull secret is made"),
    text("docker_user", "its user"),
    secret("docker_password", "its password, or token"),
    mapping("pod_security_context", "over the restricted one", nullable=True),
    mapping("container_security_context", "over the restricted one", nullable=True),
    text("architecture", "of the nodes", choices=("amd64", "arm64")),
    text("runtime_arch", "the same", choices=("amd64", "arm64")),
    many("volumes", "as in a pod"),
    many("volume_mounts", "as in a container"),
    anything("env", "environment variables of pods"),
    mapping("labels", "of pods"),
    mapping("annotations", "of pods"),
    anything("pod_template", "a pod for all else: a YAML file, or a mapping"),
    anything("node_energy", "true: measure by the node's meter; a path: by the node's sysfs"),
    text("region", "where the cluster is, for carbon"),
    text("provider", "whose machines", choices=("AWS", "Azure", "GCP")),
    flag("rabbitmq_executor", "", fate=Fate.REFUSED, advice=_WARM, harmless=(False,)),
    Key("amqp_url", text("", "").kind, "", Fate.REFUSED, _WARM, secret=True),
    *needless(
        "one event loop invokes",
        whole("invoke_pool_threads", "threads that invoke"),
        flag("remote_invoker", "invoke from a pod"),
    ),
    *needless(
        "no pod coordinates others",
        text("master_name", "the coordinating pod"),
        number("master_timeout", "seconds that it lives"),
    ),
    *needless(
        "the context says it",
        text("cluster", "the cluster"),
        text("user", "the user"),
    ),
    *needless(
        "functions travel with their calls",
        flag("runtime_include_function", "build an image for each function"),
        text("docker_namespace", "where in the registry"),
        text("backend", "set by Lithops itself"),
        text("storage", "set by Lithops itself"),
    ),
)


def _section(name: str, about: str) -> Section:
    return Section(name, Role.COMPUTE, about, everywhere() | keyed(*_KEYS), mode="serverless")


KUBERNETES = (
    _section("kubernetes", "Kubernetes: pods of one's own cluster."),
    _section("k8s", "The same, under Lithops' name."),
)
