"""One workload on one peer in this interpreter, which is the peer's; prints one line of JSON."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workload")
    parser.add_argument("adapter")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    options = parser.parse_args()
    workload = importlib.import_module(f"workloads.{options.workload}")
    adapter = importlib.import_module(f"peers.{options.adapter}")
    load = os.getloadavg()[0]
    figures = adapter.run(workload.measure(adapter, options.workers, options.size))
    said = {"figures": figures, "version": _version(adapter.DISTRIBUTION), "load": load}
    print(json.dumps(said), flush=True)


def _version(distribution: str | None) -> str | None:
    if distribution is None:
        return None
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        return None


if __name__ == "__main__":
    main()
