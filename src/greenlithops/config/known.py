"""Every section that there is, by name."""

from __future__ import annotations

from greenlithops.config.compute import SERVERLESS
from greenlithops.config.general import CHANNELS, LITHOPS, LOCALHOST, STANDALONE
from greenlithops.config.keys import Key, Role, Section
from greenlithops.config.machines import MACHINES
from greenlithops.config.monitoring import CHANNELS as OF_MONITORING
from greenlithops.config.stores import BUCKET, STORES
from greenlithops.registry import COMPUTE, ENTRY_POINTS, STORAGE, STORAGE_ENTRY_POINTS

_CLOUDS = {
    "aws": "Amazon Web Services.",
    "gcp": "Google Cloud.",
    "azure": "Azure.",
    "ibm": "IBM Cloud.",
    "aliyun": "Alibaba Cloud.",
    "oracle": "Oracle Cloud.",
}


def _cloud(name: str, about: str, sections: list[Section]) -> Section:
    keys: dict[str, Key] = {}
    # What a storage honours counts more than what waits for a compute backend, so it comes last.
    for section in sorted(sections, key=lambda section: section.role is Role.STORAGE):
        if section.cloud == name:
            keys |= section.keys
    text = f"{about} Merged under the section of each of its backends."
    return Section(name, Role.CLOUD, text, keys)


def _sections() -> dict[str, Section]:
    listed = [
        LITHOPS,
        LOCALHOST,
        STANDALONE,
        *SERVERLESS,
        *MACHINES,
        *STORES,
        *OF_MONITORING,
        *CHANNELS,
    ]
    clouds = [_cloud(name, about, listed) for name, about in _CLOUDS.items()]
    return {section.name: section for section in [*listed, *clouds]}


#: by name
SECTIONS = _sections()


def section_of(name: str) -> Section | None:
    """Return the section of a name: of the table, or of a backend that Lithops does not have."""
    if name in SECTIONS:
        return SECTIONS[name]
    about = f"The backend {name!r}; its keys are its own."
    if name == "inline":
        return Section(name, Role.COMPUTE, about, LOCALHOST.keys, mode="localhost")
    if name in STORAGE or _is_provided(name, STORAGE_ENTRY_POINTS):
        return Section(name, Role.STORAGE, about, {BUCKET.name: BUCKET}, open=True)
    if name in COMPUTE or _is_provided(name, ENTRY_POINTS):
        return Section(name, Role.COMPUTE, about, LOCALHOST.keys, mode="serverless", open=True)
    return None


def _is_provided(name: str, group: str) -> bool:
    from importlib.metadata import entry_points  # noqa: PLC0415 - only for names of others

    return bool(entry_points(group=group, name=name))


def named(role: Role) -> list[str]:
    """Return the names of the sections of a role, and of the backends that need none."""
    names = [name for name, section in SECTIONS.items() if section.role is role]
    more = [*STORAGE] if role is Role.STORAGE else [*COMPUTE] if role is Role.COMPUTE else []
    return [*names, *(name for name in more if name not in names)]
