"""Which names does Python's own library use most, and how many joules does it cost to find out?"""

import asyncio
import keyword
import sys
import sysconfig
from collections import Counter
from pathlib import Path
from tokenize import NAME, TokenError, tokenize

import greenlithops as gl


def count(path: Path) -> Counter[str]:
    """Count the names in one file; a file that does not tokenize has none."""
    try:
        with path.open("rb") as file:
            names = [token.string for token in tokenize(file.readline) if token.type == NAME]
    except (OSError, SyntaxError, UnicodeError, TokenError):
        return Counter()
    return Counter(name for name in names if not keyword.iskeyword(name))


def merge(counts: list[Counter[str]]) -> Counter[str]:
    """Add the counts of all files up."""
    total: Counter[str] = Counter()
    for counter in counts:
        total.update(counter)
    return total


async def main(files: list[Path]) -> None:
    """Count on all cores of this machine."""
    async with gl.AsyncExecutor() as executor:
        names = await executor.map_reduce(count, files, merge)
        for name, number in names.most_common(10):
            print(f"{number:>9,}  {name}")
        print(executor.energy)


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else sysconfig.get_path("stdlib"))
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    asyncio.run(main([folder / path for path in paths if "site-packages" not in path.parts]))
