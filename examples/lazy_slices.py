"""Lazy slices of one object: made without reading it, evaluated in the workers, by range.

A slice knows where its part begins and ends, and travels with the call; its rows are fetched when
the worker asks for them. So the one who partitions decides how data is cut, and the function that
works with it needs not know. `python lazy_slices.py [bucket]`
"""

import csv
import io
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import greenlithops as gl

KEY = "stations.csv"
STATIONS = ("Aarhus", "Bergen", "Cork", "Delft")


@dataclass(frozen=True)
class RowsSlice:
    """Rows of a CSV object, of which `start` to `stop` are the bytes in which they begin.

    Attributes:
        storage: where the object is.
        bucket: in which bucket.
        key: its name.
        names: of the columns.
        start: the first byte.
        stop: the byte after the last one.
    """

    storage: gl.Storage
    bucket: str
    key: str
    names: tuple[str, ...]
    start: int
    stop: int

    def rows(self) -> Iterator[dict[str, str]]:
        """Fetch the rows, one after the other."""
        with self.storage.open(self.bucket, self.key, "rb") as file:
            file.seek(self.start - 1)  # a row that begins right here is ours
            file.readline()
            while file.tell() < self.stop and (line := file.readline()):
                values = next(csv.reader([line.decode()]))
                yield dict(zip(self.names, values, strict=True))


def partition(storage: gl.Storage, bucket: str, key: str, count: int) -> list[RowsSlice]:
    """Cut a CSV object into `count` slices; only its first line is read."""
    size = storage.head(bucket, key).size
    with storage.open(bucket, key, "rb") as file:
        header = file.readline()
    names = tuple(next(csv.reader([header.decode()])))
    step = math.ceil((size - len(header)) / count)
    starts = range(len(header), size, step)
    return [
        RowsSlice(storage, bucket, key, names, start, min(start + step, size)) for start in starts
    ]


def extremes(part: RowsSlice) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest temperature of each station in a slice."""
    found: dict[str, tuple[float, float]] = {}
    for row in part.rows():
        value = float(row["celsius"])
        low, high = found.get(row["station"], (value, value))
        found[row["station"]] = (min(low, value), max(high, value))
    return found


def merge(parts: list[dict[str, tuple[float, float]]]) -> dict[str, tuple[float, float]]:
    """Return the extremes over all slices."""
    merged: dict[str, tuple[float, float]] = {}
    for part in parts:
        for station, (low, high) in part.items():
            lowest, highest = merged.get(station, (low, high))
            merged[station] = (min(lowest, low), max(highest, high))
    return merged


def make(storage: gl.Storage, bucket: str, rows: int) -> None:
    """Write measurements."""
    chance = random.Random(3)  # noqa: S311 - for an example
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["station", "day", "celsius"])
    for day in range(rows):
        writer.writerow([chance.choice(STATIONS), day, round(chance.gauss(9, 6), 1)])
    storage.put_object(bucket, KEY, text.getvalue())


if __name__ == "__main__":
    bucket = sys.argv[1] if len(sys.argv) > 1 else "storage"
    storage = gl.Storage()
    make(storage, bucket, 100_000)
    with gl.FunctionExecutor() as executor:
        slices = partition(storage, bucket, KEY, 16)
        futures = executor.map_reduce(extremes, slices, merge)
        for station, (low, high) in sorted(executor.get_result(futures).items()):
            print(f"{station:<8} {low:6.1f} {high:6.1f}")
