"""What the guide to storage shows, runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

from support import scripts

GUIDE = Path(__file__).parents[2] / "docs" / "storage.md"

RUNNER = """
import ast, asyncio, inspect, sys
from pathlib import Path
code = compile(Path(sys.argv[1]).read_text(), sys.argv[1], "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
value = eval(code, {"__name__": "__main__"})
if inspect.iscoroutine(value):
    asyncio.run(value)
"""


def test_every_piece_of_the_guide_runs(tmp_path):
    pieces = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(pieces) >= 5
    for number, piece in enumerate(pieces):
        script = tmp_path / f"piece{number}.py"
        script.write_text(piece)
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", RUNNER, str(script)],
            env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=scripts.LIMIT,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), piece
