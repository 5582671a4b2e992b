"""The same count as `identifiers.py` without asyncio, in the words of a Lithops program."""

import sys
import sysconfig
from pathlib import Path

import greenlithops as gl
from identifiers import count, merge

if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    files = [folder / path for path in paths if "site-packages" not in path.parts]

    with gl.FunctionExecutor() as executor:
        futures = executor.map_reduce(count, files, merge)
        names = executor.get_result(futures)
        for name, number in names.most_common(10):
            print(f"{number:>9,}  {name}")
        stats = [future.stats for future in futures]
        joules = sum(each["worker_func_energy_pkg"] or 0 for each in stats)
        source, method = (
            stats[0][f"worker_func_energy_{key}"] for key in ("source", "method_used")
        )
        print(f"{len(futures):,} calls: {joules:.3g} J {source} ({method})")
