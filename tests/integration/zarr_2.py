"""A program with zarr 2, whose stores are not those of zarr 3: run in an environment of its own."""

import sys

import fsspec
import numpy as np
import zarr
from zarr.storage import FSStore

root = sys.argv[1]
options = {"backend": "localhost", "root": root}
url = "greenlithops://bucket/group.zarr"
values = np.random.default_rng(1).random((300, 200))

group = zarr.group(store=FSStore(url, mode="w", **options), overwrite=True)
array = group.create_dataset("values", data=values, chunks=(50, 50))
array.attrs["unit"] = "K"

again = zarr.open(url, mode="r", storage_options=options)
assert (again["values"][:] == values).all()
assert (again["values"][::7, 60:70] == values[::7, 60:70]).all()
assert dict(again["values"].attrs) == {"unit": "K"}

mapper = fsspec.get_mapper("greenlithops://bucket/array.zarr", **options)
zarr.array(values, store=mapper, chunks=(100, 100))
assert (zarr.open(mapper, mode="r")[:] == values).all()

del group["values"]
assert list(group.array_keys()) == []
print(zarr.__version__)
