"""Count words of a bucket in parallel: each call reads a part of an object, no line is cut.

Run it with nothing for a small bucket of its own, or with the name of a storage and a source:
``python word_count.py s3 s3://corpus/books/``.
"""

import asyncio
import sys
from collections import Counter

import greenlithops as gl

POEM = """A slumber did my spirit seal; I had no human fears:
She seemed a thing that could not feel the touch of earthly years.
No motion has she now, no force; she neither hears nor sees;
Rolled round in earth's diurnal course, with rocks, and stones, and trees.
"""


def count(obj: gl.ObjectReader) -> Counter:
    """Count the words of the lines that begin in this part."""
    words = Counter()
    for line in obj:
        words.update(word.strip(".,;:").lower() for word in line.decode().split())
    return words


def merge(counters: list[Counter]) -> Counter:
    """Add up what was counted."""
    total = Counter()
    for counter in counters:
        total.update(counter)
    return total


async def main(storage: gl.AsyncStorage, source: str) -> None:
    """Count and print the ten most frequent words."""
    async with storage, gl.AsyncExecutor(storage=storage) as executor:
        if source == "word-count/":
            await storage.create_bucket("word-count")
            for number in range(8):
                await storage.put("word-count", f"poem-{number}.txt", POEM)
        words = await executor.map_reduce(count, source, merge, obj_chunk_size="100 B")
    for word, number in words.most_common(10):
        print(f"{number:6} {word}")


if __name__ == "__main__":
    name, source = [*sys.argv[1:], "localhost", "word-count/"][:2]
    asyncio.run(main(gl.AsyncStorage(name), source))
