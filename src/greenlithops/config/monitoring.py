"""The push channel that a configuration names, and the sections of the channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.config.keys import Fate, Role, Section, keyed, secret, text
from greenlithops.errors import ConfigurationError
from greenlithops.monitoring.channel import Place, as_place

if TYPE_CHECKING:
    from collections.abc import Mapping

#: what each channel cannot do without
REQUIRED = {
    "redis": (),  # a host, or a socket: it says so itself
    "rabbitmq": ("amqp_url",),
    "aws_sqs": ("region",),
    "gcp_pubsub": ("project_name",),
    "azure_queue": ("storage_account_name", "storage_account_key"),
}
#: keys of their sections that are not theirs
_NOT_OPTIONS = {
    "redis": {"storage_bucket", "bucket", "connections", "url"},
    "gcp_pubsub": {"region"},
}

CHANNELS = (
    Section(
        "rabbitmq",
        Role.CHANNEL,
        "The RabbitMQ server of monitoring.",
        keyed(secret("amqp_url", "amqp://user:password@host:port/virtual-host")),
    ),
    Section(
        "aws_sqs",
        Role.CHANNEL,
        "Monitoring by SQS.",
        keyed(
            text("region", "the queue's region"),
            text("region_name", "the same"),
            secret("access_key_id", "the key's name"),
            secret("secret_access_key", "the key"),
            secret("session_token", "of temporary credentials"),
            text("endpoint", "another place that speaks SQS", default="AWS'"),
        ),
        cloud="aws",
    ),
    Section(
        "gcp_pubsub",
        Role.CHANNEL,
        "Monitoring by Pub/Sub.",
        keyed(
            text("project_name", "the project, in which a topic `greenlithops` is made"),
            text("credentials_path", "the service account's file"),
            text("endpoint", "the URL of an emulator, which is sent no credentials"),
            text("region", "the region")._replace(
                fate=Fate.NEEDLESS, advice="Pub/Sub is everywhere"
            ),
        ),
        cloud="gcp",
    ),
    Section(
        "azure_queue",
        Role.CHANNEL,
        "Monitoring by Azure queues. Keys that are not here are taken from `azure_storage`.",
        keyed(
            text("storage_account_name", "the account"),
            secret("storage_account_key", "the account's key"),
            text("endpoint", "another place that speaks Azure's queues", default="Azure's"),
        ),
        cloud="azure",
    ),
)


def place_of(general: Mapping[str, Any], values: Mapping[str, Any]) -> Place | None:
    """Return the push channel that a configuration names, or None.

    Args:
        general: the section ``lithops``.
        values: the section of the channel, with what it takes from others.

    Raises:
        ConfigurationError: a key is missing that it cannot do without.
    """
    name = general.get("monitoring")
    if name not in REQUIRED:
        return as_place(name)
    missing = [key for key in REQUIRED[name] if key not in values]
    if missing:
        raise ConfigurationError(
            f"lithops.monitoring is {name!r}, whose section lacks {missing[0]!r}"
        )
    others = _NOT_OPTIONS.get(name, set())
    return Place(name, {key: value for key, value in values.items() if key not in others})
