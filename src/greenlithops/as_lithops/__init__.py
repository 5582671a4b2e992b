"""The switch: after `import greenlithops.as_lithops`, `import lithops` gives greenlithops."""

from __future__ import annotations

from greenlithops.as_lithops.finder import install

install()
