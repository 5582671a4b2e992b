import pytest


@pytest.fixture(scope="session")
def package_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def cache_of_packages(monkeypatch, package_cache):
    """Packages of functions are built once for all tests, and not in the user's own folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(package_cache))
