"""Public names and parameters of Lithops 3.8.0's multiprocessing: there, or listed here."""

import importlib
import inspect
import json
from pathlib import Path

import pytest

import greenlithops.multiprocessing as mp

#: names of each module, with parameters; classes have those of their methods
FACTS = json.loads(Path(__file__).with_name("lithops-3.8.0-names.json").read_text())

INNER = "how Lithops does it inside"
CONSTANTS = {
    *("logger", "job_counter", "MIN_PORT", "MAX_PORT", "POLL_MIN_SLEEP", "POLL_MAX_SLEEP"),
    *("HANDLER_MIN_SLEEP", "HANDLER_MAX_SLEEP", "HANDLER_STORAGE_CHECK"),
    *("ADDRESS_LOOKUP_TIMEOUT", "ADDRESS_LOOKUP_MAX_SLEEP"),
    *(
        f"{kind}_CONN{end}"
        for kind in ("REDIS_LIST", "REDIS_PUBSUB", "NANOMSG")
        for end in ("", "_A", "_B")
    ),
}
ABSENT = {
    "connection.get_handle_pair": INNER,
    "connection.get_subhandle": INNER,
    "managers.deslice": INNER,
    "managers.MethodWrapper": INNER,
    "managers.ArrayProxy": "a manager's arrays are those of sharedctypes",
    "process.cloud_process_wrapper": INNER,
    "util.LITHOPS_CONFIG": INNER,
    "util.REDIS_CLIENT": INNER,
    "util.PicklableRedis": INNER,
    "util.get_redis_client": INNER,
    "util.get_uuid": INNER,
    "util.make_stateless_script": INNER,
    "util.export_execution_details": "the parameter EXPORT_EXECUTION_DETAILS asks for it",
    "util.get_network_ip": INNER,
    "util.RemoteReference": INNER,
    "util.wait_futures": INNER,
    "util.setup_log_streaming": "the parameter STREAM_STDOUT asks for it",
}
SHARED = [name for name in FACTS["sharedctypes"] if name.endswith("Proxy")]
#: methods whose objects are made by something else here, or that are inside
UNLIKE = {
    "pool.ApplyResult.__init__": "made by a pool",
    "pool.IMapIterator.__init__": "made by a pool",
    "synchronize.SemLock.__init__": INNER,
    "connection.PipeConnection.__init__": "made by Pipe",
    "managers.ListProxy.__init__": "made by a manager",
    "managers.ListProxy.index": "its parameters are positional, as those of list are",
    "managers.ListProxy.count": "its parameters are positional, as those of list are",
    **{f"sharedctypes.{name}.__init__": "made by Value and Array" for name in SHARED},
}


def ours(module):
    return mp if module == "__init__" else importlib.import_module(f"{mp.__name__}.{module}")


def owner(found):
    """Return the class itself, or the one context, which finds its attributes when asked."""
    return mp.get_context() if found is mp.DefaultContext else found


def missing_parameters(wanted, function):
    signature = inspect.signature(function)
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return set()
    return set(wanted) - set(signature.parameters)


@pytest.mark.parametrize("module", sorted(FACTS))
def test_names_and_parameters_of_lithops_are_there(module):
    missing = []
    for name, about in FACTS[module].items():
        place = f"{module}.{name}"
        if name in CONSTANTS or place in ABSENT:
            continue
        if not hasattr(ours(module), name):
            missing.append(place)
            continue
        found = getattr(ours(module), name)
        methods = about if isinstance(about, dict) else {}
        for method, parameters in methods.items():
            if f"{place}.{method}" in UNLIKE:
                continue
            if not hasattr(owner(found), method):
                missing.append(f"{place}.{method}")
                continue
            function = found if method == "__init__" else getattr(owner(found), method)
            if not callable(function):
                continue  # a property
            lacking = missing_parameters(parameters, function)
            missing += [f"{place}.{method}({parameter})" for parameter in lacking]
        if isinstance(about, list):
            missing += [f"{place}({p})" for p in missing_parameters(about, found)]
    assert missing == []


def test_what_is_listed_as_absent_is_absent():
    assert {
        name for name in ABSENT if hasattr(ours(name.partition(".")[0]), name.partition(".")[2])
    } == set()
