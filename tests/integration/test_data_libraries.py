"""pandas, pyarrow, xarray, zarr and GDAL read and write objects of a real S3 as they are."""

import importlib.util
import secrets
import sys

import fsspec
import fsspec.asyn
import numpy as np
import pytest

import greenlithops as gl
from greenlithops.filesystem import GreenlithopsFileSystem, calls
from greenlithops.storage.reader import RangeReader
from greenlithops.sync.loop import background
from greenlithops.sync.storage_host import close_storages
from integration.serving import EXAMPLES

pytestmark = [
    pytest.mark.integration,
    # The libraries warn each other of changes to come.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:Consolidated metadata:UserWarning"),
    pytest.mark.usefixtures("data_libraries"),
]

background().call(lambda: None)
fsspec.asyn.get_loop()


@pytest.fixture(autouse=True)
def closed():
    """Storages keep connections for the next who asks; a test shall not."""
    yield
    close_storages()


@pytest.fixture
def config(seaweedfs):
    section = {
        "endpoint": seaweedfs.endpoint,
        "access_key_id": seaweedfs.user,
        "secret_access_key": seaweedfs.secret,
    }
    return {"backend": "minio", "minio": section}


@pytest.fixture
def options(config):
    return {"storage_config": config}


@pytest.fixture
def bucket(config):
    name = f"libraries-{secrets.token_hex(4)}"
    gl.Storage(storage_config=config).create_bucket(name)
    return name


@pytest.fixture
def top(bucket):
    return f"greenlithops://{bucket}"


@pytest.fixture
def frame():
    import pandas as pd  # noqa: PLC0415 - only here

    numbers = np.arange(200_000)
    return pd.DataFrame({"n": numbers, "text": np.where(numbers % 2, "odd", "even")})


@pytest.fixture
def fetched(monkeypatch):
    """The sizes of the ranges that files fetch."""
    sizes = []
    fetch = RangeReader._fetch

    async def counting(self, start, size):
        block = await fetch(self, start, size)
        sizes.append(len(block.data))
        return block

    monkeypatch.setattr(RangeReader, "_fetch", counting)
    return sizes


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "json", "pickle"])
def test_pandas(top, options, frame, kind):
    import pandas as pd  # noqa: PLC0415 - only here

    url, name = f"{top}/frame.{kind}", kind.partition(".")[0]
    extra = {"index": False} if name == "csv" else {}
    getattr(frame, f"to_{name}")(url, storage_options=options, **extra)
    back = getattr(pd, f"read_{name}")(url, storage_options=options)
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)


def test_parquet_fetches_the_columns_that_are_wanted(top, options, frame, fetched):
    import pandas as pd  # noqa: PLC0415 - only here

    frame["noise"] = np.random.default_rng(1).random(len(frame))
    url = f"{top}/wide.parquet"
    frame.to_parquet(url, storage_options=options, row_group_size=20_000)
    size = fsspec.filesystem("greenlithops", **options).size(url)
    back = pd.read_parquet(url, columns=["text"], storage_options=options)
    assert list(back.columns) == ["text"]
    assert len(back) == len(frame)
    assert size > 1_500_000


def test_pyarrow_datasets(bucket, options, frame):
    import pyarrow as pa  # noqa: PLC0415 - only here
    import pyarrow.dataset as ds  # noqa: PLC0415 - only here

    files = GreenlithopsFileSystem(**options)
    table = pa.Table.from_pandas(frame)
    ds.write_dataset(
        table,
        f"{bucket}/dataset",
        filesystem=files,
        format="parquet",
        partitioning=ds.partitioning(pa.schema([("text", pa.string())]), flavor="hive"),
    )
    found = ds.dataset(f"{bucket}/dataset", filesystem=files, partitioning="hive")
    assert sorted(name.split("/")[2] for name in found.files) == ["text=even", "text=odd"]
    odd = found.to_table(filter=ds.field("text") == "odd", columns=["n"])
    assert sorted(odd["n"].to_pylist()) == list(range(1, 200_000, 2))


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(top, options, version):
    import zarr  # noqa: PLC0415 - only here

    values = np.random.default_rng(1).random((300, 200))
    url = f"{top}/{version}.zarr"
    group = zarr.open_group(url, mode="w", storage_options=options, zarr_format=version)
    array = group.create_array("values", shape=values.shape, dtype="f8", chunks=(50, 50))
    array[:] = values
    array.attrs["unit"] = "K"
    again = zarr.open_group(url, mode="r", storage_options=options, zarr_format=version)
    np.testing.assert_array_equal(again["values"][:], values)
    np.testing.assert_array_equal(again["values"][::7, 60:70], values[::7, 60:70])
    assert dict(again["values"].attrs) == {"unit": "K"}
    assert list(again.array_keys()) == ["values"]
    grown = zarr.open_group(url, mode="a", storage_options=options, zarr_format=version)
    grown["values"].resize((350, 200))
    del grown["values"]
    assert fsspec.filesystem("greenlithops", **options).find(f"{url}/values") == []


@pytest.mark.parametrize("version", [2, 3])
def test_xarray(top, options, version):
    import xarray as xr  # noqa: PLC0415 - only here

    values = np.random.default_rng(1).random((10, 20, 30))
    data = xr.Dataset({"t": (("day", "row", "column"), values)}, {"day": np.arange(10)})
    url = f"{top}/x{version}.zarr"
    data.to_zarr(url, storage_options=options, mode="w", zarr_format=version)
    data.assign_coords(day=np.arange(10, 20)).to_zarr(
        url, storage_options=options, append_dim="day"
    )
    with xr.open_zarr(url, storage_options=options, chunks=None) as back:
        assert back.sizes == {"day": 20, "row": 20, "column": 30}
        np.testing.assert_array_equal(back.t.isel(day=13, row=2).values, values[3, 2])
        assert back.day.to_numpy().tolist() == list(range(20))


def test_a_chunk_of_a_shard_is_fetched_by_range(top, options, monkeypatch):
    sizes = []
    bytes_of = calls.bytes_of

    async def counting(*arguments):
        data = await bytes_of(*arguments)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(calls, "bytes_of", counting)
    example, url = load_example("zarr_chunks"), f"{top}/t.zarr"
    example.make(url, options)
    shards = fsspec.filesystem("greenlithops", **options).find(f"{url}/c", detail=True)
    smallest = min(entry["size"] for entry in shards.values())
    sizes.clear()
    _, mean, warmest = example.summary(url, options, (90, 180))
    assert 290 < mean < warmest < 305
    assert sum(sizes) < smallest / 6  # a ninth, the shard's index, and what describes the array


def test_gdal_reads_the_tiles_that_are_wanted(config, bucket, tmp_path, fetched):
    import rasterio  # noqa: PLC0415 - only here

    example = load_example("cog_tiles")
    path = tmp_path / example.KEY
    example.make(path)
    assert b"LAYOUT=IFDS_BEFORE_DATA" in path.read_bytes()[:400]
    gl.Storage(storage_config=config).put_object(bucket, example.KEY, path)
    name = f"{bucket}/{example.KEY}"
    window = rasterio.windows.Window(768, 512, example.TILE, example.TILE)
    with rasterio.open(name, opener=GreenlithopsFileSystem(storage_config=config)) as scene:
        found = scene.read(window=window)
    with rasterio.open(path) as scene:
        np.testing.assert_array_equal(found, scene.read(window=window))
    assert sum(fetched) < path.stat().st_size / 8
    tiles = example.overview(name, config)
    assert 10 < len(tiles) < 20
    with gl.FunctionExecutor(max_workers=2, energy="off") as executor:
        futures = executor.map(example.greenness, tiles, extra_args=(name, config))
        shares = executor.get_result(futures)
    green = sum(shares) * example.TILE**2
    assert green == pytest.approx(np.pi * 400**2, rel=0.01)


def load_example(name):
    """Return an example as a module, whose functions travel by value."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
