"""The file system ``greenlithops://bucket/key`` of fsspec: for pandas, xarray, zarr, pyarrow."""

from greenlithops.filesystem.system import GreenlithopsFileSystem

__all__ = ["GreenlithopsFileSystem"]
