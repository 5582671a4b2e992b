import io
import zipfile

import pytest

from greenlithops.backends.compute.aws_lambda.package import package
from greenlithops.sync.loop import background

background().call(lambda: None)  # it belongs to the process, not to the test that comes first


@pytest.fixture(scope="session")
def package_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache_of_packages(monkeypatch, package_cache):
    """Packages of functions are built once for all tests, and not in the user's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(package_cache))


@pytest.fixture(scope="session")
def code(tmp_path_factory, package_cache):
    """The package of a function, unpacked as its service has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(package_cache))
        content = package().archive()
    folder = tmp_path_factory.mktemp("code")
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder
