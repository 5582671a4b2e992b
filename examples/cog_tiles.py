"""Tiles of a Cloud-Optimized GeoTIFF in object storage: each call fetches only its own, by range.

GDAL reads through the storage's file system, so overviews and windows work as with a file. The
storage is the configured one, or a folder of this machine: `python cog_tiles.py [bucket]`.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

import greenlithops as gl
from greenlithops.filesystem import GreenlithopsFileSystem

SIZE, TILE = 2048, 256
KEY = "scene.tif"
GREEN = 0.3  #: the normalized difference of near infrared and red from which on plants grow


def make(path: Path) -> None:
    """Write a scene with red and near infrared, in which a round field is green."""
    noise = np.random.default_rng(7).integers(0, 200, (2, SIZE, SIZE), dtype="uint16")
    rows, columns = np.ogrid[:SIZE, :SIZE]
    field = (rows - 700) ** 2 + (columns - 900) ** 2 < 400**2
    red = np.where(field, 500, 1500).astype("uint16") + noise[0]
    infrared = np.where(field, 4000, 1800).astype("uint16") + noise[1]
    with rasterio.open(
        path,
        "w",
        driver="COG",
        width=SIZE,
        height=SIZE,
        count=2,
        dtype="uint16",
        crs="EPSG:32631",
        transform=from_origin(500_000, 4_600_000, 10, 10),
        blocksize=TILE,
        compress="DEFLATE",
    ) as scene:
        scene.write(red, 1)
        scene.write(infrared, 2)


def greenness(row: int, column: int, name: str, config: dict[str, Any]) -> float:
    """Return the share of a tile that is green, by the normalized difference of its bands."""
    files = GreenlithopsFileSystem(storage_config=config)
    with rasterio.open(name, opener=files) as scene:
        window = Window(column, row, TILE, TILE)
        red, infrared = scene.read(window=window).astype("float32")
    return float(np.mean((infrared - red) / (infrared + red) > GREEN))


def overview(name: str, config: dict[str, Any]) -> list[tuple[int, int]]:
    """Return where tiles begin that are worth a look, by the scene's smallest overview."""
    with rasterio.open(name, opener=GreenlithopsFileSystem(storage_config=config)) as scene:
        tiles = SIZE // TILE
        small = scene.read(out_shape=(2, 4 * tiles, 4 * tiles)).astype("float32")
    index = (small[1] - small[0]) / (small[1] + small[0])
    most = index.reshape(tiles, 4, tiles, 4).max(axis=(1, 3))
    return [(int(row) * TILE, int(column) * TILE) for row, column in np.argwhere(most > GREEN / 2)]


def main(bucket: str) -> None:
    """Put the scene into the storage, look at its overview, then at tiles in parallel."""
    storage = gl.Storage()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / KEY)
        storage.put_object(bucket, KEY, Path(folder) / KEY)
    name = f"{bucket}/{KEY}"
    tiles = overview(name, storage.config)
    with gl.FunctionExecutor() as executor:
        futures = executor.map(greenness, tiles, extra_args=(name, storage.config))
        shares = executor.get_result(futures)
    hectares = sum(shares) * TILE * TILE / 100
    print(f"{len(tiles)} of {(SIZE // TILE) ** 2} tiles were read: {hectares:,.0f} hectares green")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "storage")
