"""The sections that every configuration can have: what is run, and on this machine."""

from __future__ import annotations

from greenlithops.config.keys import (
    Fate,
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

_NEEDLESS = Fate.NEEDLESS
_PUSHED = "outcomes are pushed, nothing is polled"
_MONITORING = ("storage", "redis", "rabbitmq", "aws_sqs", "gcp_pubsub", "azure_queue")
_MODES = ("localhost", "serverless", "standalone")
_LEVELS = "debug, info, warning, error, critical; null for no messages"

LITHOPS = Section(
    "lithops",
    Role.GENERAL,
    "What is used, and what holds for all calls.",
    keyed(
        text("backend", "where functions run", default="localhost"),
        text("mode", "the kind of backend, if none is named", choices=_MODES),
        text("storage", "where objects are", default="localhost"),
        text("backend_type", "set by Lithops itself", fate=_NEEDLESS, advice="it is derived"),
        text(
            "monitoring",
            "a push channel that tells who is attached to durable jobs of progress; on this "
            "machine outcomes are pushed without one",
            choices=_MONITORING,
            default="storage",
        ),
        number("monitoring_interval", "seconds", fate=_NEEDLESS, advice=_PUSHED),
        flag(
            "data_cleaner",
            "delete what jobs leave in storage",
            fate=_NEEDLESS,
            advice="jobs leave nothing there",
        ),
        anything(
            "data_limit",
            "MiB of input",
            fate=_NEEDLESS,
            advice="inputs of any size are taken as there is room for them",
        ),
        number("execution_timeout", "seconds that a call may run", least=0.001),
        anything(
            "include_modules",
            "a list of modules that travel by value: names, or paths of .py files; null for none",
            nullable=True,
        ),
        many("exclude_modules", "modules that do not travel"),
        whole(
            "chunksize",
            "calls per worker",
            least=0,
            fate=_NEEDLESS,
            advice="batches are made of time: about 20 ms of work, from what calls take",
        ),
        anything("log_level", _LEVELS, nullable=True),
        text("log_format", "the format of messages, in the words of logging"),
        text("log_stream", "ext://sys.stderr or ext://sys.stdout"),
        text("log_filename", "a file that messages go to instead"),
        flag("call_logs", "write what calls print to files, for `logs get`", default=False),
        anything(
            "telemetry",
            "where metrics go: prometheus (or true) or otlp; false for nowhere",
            choices=(False, True, "none", "prometheus", "otlp"),
            default=False,
        ),
        number("telemetry_interval", "seconds between exports", least=0.1, default=10),
        whole("retries", "extra attempts for failed calls", least=0, default=0),
        text(
            "customized_runtime",
            "a container image with the function in it",
            fate=Fate.REFUSED,
            advice="functions travel by themselves; leave it out",
        ),
    ),
)

LOCALHOST = Section(
    "localhost",
    Role.COMPUTE,
    "Processes on this machine. As a storage: files on this machine.",
    keyed(
        text("runtime", "the interpreter: this one", default="this program's interpreter"),
        whole("runtime_memory", "MB that a worker may use"),
        number("runtime_timeout", "seconds that a call may run", least=0.001),
        whole("max_workers", "workers at most", default="the CPUs of this process"),
        whole("worker_processes", "processes for each of max_workers", default=1),
        whole("version", "Lithops' implementation", fate=_NEEDLESS, advice="there is one"),
        flag("pull_runtime", "fetch the container image", fate=_NEEDLESS, advice="there is none"),
        flag(
            "use_gpu",
            "give containers the GPUs",
            fate=_NEEDLESS,
            advice="workers are processes, which see the machine's GPUs",
        ),
        flag("remote_invoker", "", fate=_NEEDLESS, advice="one loop invokes tens of thousands"),
        whole("invoke_pool_threads", "", fate=_NEEDLESS, advice="there are no threads"),
        text("backend", "set by Lithops itself", fate=_NEEDLESS, advice="it is the section"),
        text("storage", "set by Lithops itself", fate=_NEEDLESS, advice="say it in 'lithops'"),
        text("storage_bucket", "where objects without a bucket go", default="storage"),
        text("root", "the folder of the storage", default="one for each user"),
        whole("worker_concurrency", "`async def` calls that a worker runs at a time", default=100),
        anything("max_memory", "what a worker may allocate: bytes, or '512 MiB'"),
        whole("max_calls_per_worker", "calls after which a worker is replaced"),
        anything("initializer", "a function that every worker runs first; in arguments only"),
        anything("initargs", "its arguments"),
        number("timeout", "seconds that a call may run", least=0.001),
        anything("retries", "extra attempts for failed calls, or a RetryPolicy"),
        mapping("extra_env", "environment variables around calls"),
        whole("log_bytes", "bytes kept of what a call prints", least=0, default=1 << 20),
        text("energy", "a meter's name, 'auto' or 'off'", default="auto"),
        anything("energy_budget", "what all calls may use: joules, or '2 kJ'"),
        text("energy_log", "a file that what calls cost is appended to"),
        anything("energy_budget", "what calls may use before they are stopped, such as '500 J'"),
        text("energy_log", "a file that every job's energy is appended to"),
        anything("hooks", "functions that are told of events; in arguments only"),
        flag("durable", "keep maps in storage, so that other processes can attach to them"),
    ),
    mode="localhost",
)

STANDALONE = Section(
    "standalone",
    Role.GENERAL,
    "What holds for all virtual machines.",
    waiting(
        text("backend", "the kind of machines, if 'lithops' names none"),
        text("runtime", "the interpreter, or a container image", default="python3"),
        text("exec_mode", "when machines are made", choices=("consume", "create", "reuse")),
        flag("use_gpu", "give containers the GPUs", default=False),
        number("start_timeout", "seconds until a machine must have started", default=300),
        flag("auto_dismantle", "stop machines that are not used", default=True),
        number("soft_dismantle_timeout", "seconds without work", default=300),
        number("hard_dismantle_timeout", "seconds in all", default=3600),
        many("extra_apt_packages", "Debian packages to install"),
        many("extra_python_packages", "Python packages to install"),
        whole("worker_create_retries", "attempts to make a machine", least=0),
        whole("worker_processes", "processes on each machine"),
    ),
)

_PROTOCOLS = ("http/protobuf", "http", "grpc", "grpc/protobuf")

CHANNELS = (
    Section(
        "prometheus",
        Role.CHANNEL,
        "Telemetry for a Prometheus push gateway.",
        keyed(
            text("gateway", "the push gateway's URL", default="http://localhost:9091"),
            text("apigateway", "the same, until Lithops 3.7"),
            text("job", "the label `job`", default="lithops"),
            number("timeout", "seconds that a push may take", default=10),
            text("instance", "the label `instance`", default="the host's name"),
            text("username", "for the gateway"),
            secret("password", "for the gateway"),
        ),
    ),
    Section(
        "otlp",
        Role.CHANNEL,
        "Telemetry for an OpenTelemetry collector.",
        keyed(
            text("endpoint", "the collector's URL", default="http://localhost:4318"),
            text("protocol", "how", choices=_PROTOCOLS, default="http/protobuf"),
            text("service_name", "the attribute service.name", default="lithops"),
            number("timeout", "seconds that an export may take", default=10),
            number(
                "export_interval",
                "seconds between exports of the SDK",
                fate=_NEEDLESS,
                advice="lithops.telemetry_interval says when",
            ),
            text("instance", "the attribute service.instance.id", default="the host's name"),
            mapping("headers", "HTTP headers of exports", secret=True),
        ),
    ),
)
