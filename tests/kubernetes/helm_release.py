"""Helm itself, as a program: does what its first argument says with a chart in a cluster.

``helm_release.py lint|install|uninstall KUBECONFIG NAMESPACE CHART VALUES``. It needs helm-sdkpy,
which is Helm's own code, in a Python of its own; see `setup`.
"""

import asyncio
import json
import sys

import helm_sdkpy


async def main(action, kubeconfig, namespace, chart, values):
    """Do one thing with a chart, and print what Helm says."""
    config = helm_sdkpy.Configuration(namespace=namespace, kubeconfig=kubeconfig)
    if action == "lint":
        said = await helm_sdkpy.Lint(config).run(chart)
    elif action == "install":
        said = await helm_sdkpy.Install(config).run(
            "calls", chart, json.loads(values), wait=False, disable_openapi_validation=False
        )
    else:
        said = await helm_sdkpy.Uninstall(config).run("calls", wait=False)
    print(json.dumps(said, default=str))


asyncio.run(main(*sys.argv[1:]))
