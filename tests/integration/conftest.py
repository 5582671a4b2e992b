"""What integration tests have in common."""

import pytest

_warm = []


@pytest.fixture
def data_libraries():
    """Mark a test that needs pandas, pyarrow, rasterio, xarray and zarr."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item):
    """Let libraries start their lasting threads and files before a test is blamed for them."""
    if "data_libraries" in getattr(item, "fixturenames", ()) and not _warm:
        _warm.append(_use_libraries())
    return (yield)


def _use_libraries():
    import pandas as pd  # noqa: PLC0415 - only for those who ask
    import pyarrow as pa  # noqa: PLC0415 - see above
    import pyarrow.compute  # noqa: PLC0415 - see above
    import pyarrow.dataset  # noqa: PLC0415 - see above
    import rasterio  # noqa: PLC0415 - see above
    import xarray as xr  # noqa: PLC0415 - see above
    import zarr  # noqa: PLC0415 - see above

    pa.compute.sum(pa.array([1]))
    rasterio.crs.CRS.from_epsg(32631)
    zarr.zeros((1,))[:]
    return pd.DataFrame(), xr.Dataset()
