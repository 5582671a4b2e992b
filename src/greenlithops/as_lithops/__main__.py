"""`python -m greenlithops.as_lithops script.py args…` runs a Lithops program as it is."""

from __future__ import annotations

import sys

from greenlithops.as_lithops.script import run_script

if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004 - the program's own name, and the script
        sys.exit("usage: python -m greenlithops.as_lithops script.py [arguments]")
    run_script(sys.argv[1], sys.argv[2:])
