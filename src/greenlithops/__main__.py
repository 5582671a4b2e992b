"""`python -m greenlithops` is the command `greenlithops`."""

from __future__ import annotations

from greenlithops.cli import main

if __name__ == "__main__":
    main()
