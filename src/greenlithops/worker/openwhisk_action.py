"""The worker as a Python action of OpenWhisk: ``main`` in the action's ``__main__.py``.

An invocation is the same JSON that the handler for Lambda takes. What the environment is to have,
the deployment's key too, is bound to the action: it comes as a variable of the environment or, from
an older OpenWhisk, as an argument.
"""

from __future__ import annotations

import json
import os

from greenlithops.errors import ProtocolError
from greenlithops.worker.lambda_handler import DESCRIBE, REFUSED, answered, description

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

VARIABLES = "GREENLITHOPS_VARIABLES"  #: the bound parameter: a JSON object
MOST = "most"  #: bytes of a reply as JSON that this OpenWhisk takes


def main(args: Any) -> dict[str, Any]:
    """Answer one activation."""
    if bound := args.get(VARIABLES) or os.environ.get(VARIABLES):
        os.environ.update(json.loads(bound))
    try:
        if args.get(DESCRIBE):
            return description()
        return answered(args, int(args.get(MOST, 0)))
    except ProtocolError as error:
        return {REFUSED: str(error)}
