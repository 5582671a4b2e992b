"""What of Azure's backends needs no Azure: options, bodies, names, and the checks of tests."""

import pytest

from greenlithops.backends.compute.azure_containers import bodies as containers
from greenlithops.backends.compute.azure_containers.deployment import VERSION as CONTAINERS_VERSION
from greenlithops.backends.compute.azure_containers.deployment import app_name as container_name
from greenlithops.backends.compute.azure_containers.options import ContainersOptions
from greenlithops.backends.compute.azure_functions import bodies as functions
from greenlithops.backends.compute.azure_functions.deployment import VERSION as FUNCTIONS_VERSION
from greenlithops.backends.compute.azure_functions.deployment import app_name
from greenlithops.backends.compute.azure_functions.options import AzureFunctionsOptions
from greenlithops.errors import ConfigurationError
from greenlithops.sync.config import settings
from support.clouds.azure import GROUP, REGION, ROOT, arm
from support.clouds.discovery import Wrong

OWN = {
    "resource_group": GROUP,
    "region": REGION,
    "storage_account_name": "account",
    "storage_account_key": "a2V5",
}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"storage_account_key": None}, "'storage_account_key' is missing"),
        ({"runtime_memory": 1024}, "one of 512, 2048, 4096 MB"),
        ({"plan": "consumption", "runtime_memory": 2048}, "one of 1536 MB"),
        ({"plan": "premium"}, "'flex' or 'consumption'"),
        ({"plan": "consumption", "min_workers": 1}, "min_workers needs the plan 'flex'"),
        ({"runtime_timeout": 300}, "from 1 to 230 seconds"),
        ({"functions_version": 3}, "functions_version is 4"),
        ({"runtime": "my app"}, "letters, digits"),
        ({"resource_grop": "g"}, "did you mean 'resource_group'"),
    ],
)
def test_options_of_function_apps_that_cannot_be(given, text):
    with pytest.raises(ConfigurationError, match=text):
        AzureFunctionsOptions.of(OWN | given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"storage_account_key": None}, "are missing"),
        ({"runtime_memory": 700}, "a multiple of 512"),
        ({"runtime_memory": 16_384}, "from 512 to 8192 MB"),
        ({"runtime_cpu": 1}, r"runtime_cpu is 0\.25"),
        ({"runtime_timeout": 600}, "from 1 to 240 seconds"),
        ({"environment_id": "mine"}, "environment_id is /subscriptions"),
        ({"docker_user": "me"}, "belong together"),
        ({"max_workers": 2000}, "from 1 to 1000 replicas"),
        ({"namespace": "N"}, "lower-case"),
        ({"namespace": "a" * 20}, "too long"),
    ],
)
def test_options_of_container_apps_that_cannot_be(given, text):
    with pytest.raises(ConfigurationError, match=text):
        named(OWN | given)


def named(given):
    return container_name(ContainersOptions.of(given), "0123456789")


def test_keys_of_lithops():
    given = {"location": REGION, "trigger": "pub/sub", "functions_version": "~4"}
    plain = {name: value for name, value in OWN.items() if name != "region"}
    assert AzureFunctionsOptions.of(plain | given).region == REGION
    docker = {"docker_namespace": "n", "trigger": "https"}
    assert ContainersOptions.of(OWN | docker) == ContainersOptions(**OWN)
    assert "a2V5" not in repr(ContainersOptions(**OWN))


def test_the_configuration_of_lithops_becomes_options():
    content = {
        "lithops": {"backend": "azure_containers"},
        "azure": OWN,
        "azure_containers": {"runtime_memory": 1024, "environment": "mine", "max_workers": 5},
    }
    found = settings(None, content, None, None, None, None, {})
    options = ContainersOptions.of(found.options["backend_options"])
    assert (options.environment, options.vcpus, options.max_workers) == ("mine", 0.5, 5)
    assert found.options["max_workers"] == 5


def site(options):
    return functions.site(
        options,
        plan_id=f"{ROOT}/plan",
        digest="0123456789",
        key="key",
        storage="connection",
        container="https://account/container",
        insights="component",
        queue="the-queue",
    )


@pytest.mark.parametrize("plan", ["flex", "consumption"])
def test_bodies_are_as_azure_takes_them(plan):
    least = 2 if plan == "flex" else 0
    options = AzureFunctionsOptions(**OWN, plan=plan, min_workers=least, asynchronous=True)
    path = f"{ROOT}/providers/Microsoft.Web/sites/a"
    operation, parts = arm().find("PUT", path)
    assert parts["name"] == "a"
    arm().check(operation, {"api-version": FUNCTIONS_VERSION}, site(options))
    assert site(options)["tags"] == site(options)["tags"]


def test_container_apps_are_as_azure_takes_them():
    options = ContainersOptions(**OWN, docker_user="me", docker_password="secret", min_workers=1)
    code = containers.Code("digest", "sha256", "https://url")
    content = containers.app(options, f"{ROOT}/environment", "key", code)
    operation, _ = arm().find("PUT", f"{ROOT}/providers/Microsoft.App/containerApps/a")
    arm().check(operation, {"api-version": CONTAINERS_VERSION}, content)
    moved = containers.app(options, f"{ROOT}/environment", "key", code._replace(url="https://x"))
    assert moved["tags"] == content["tags"]  # the URL is a way to the code, not the code
    template = content["properties"]["template"]
    assert "secret" not in str(template).replace("secretRef", "")
    compile(template["containers"][0]["command"][2], "bootstrap", "exec")


def test_the_check_of_requests_refuses_what_azure_would():
    operation, _ = arm().find("PUT", f"{ROOT}/providers/Microsoft.Web/sites/a")
    good, version = site(AzureFunctionsOptions(**OWN)), {"api-version": FUNCTIONS_VERSION}
    properties = good["properties"]
    for wrong in (
        {"colour": "red"},
        {"id": "Azure says that"},
        {"location": 5},
        {"properties": properties | {"httpsOnly": "yes"}},
        {"properties": properties | {"siteConfig": {"appSettings": {"A": "b"}}}},
        {"properties": properties | {"functionAppConfig": {"runtime": {"name": "cobol"}}}},
    ):
        with pytest.raises(Wrong):
            arm().check(operation, version, good | wrong)
    with pytest.raises(Wrong, match="is of 20"):
        arm().check(operation, {"api-version": "2019-01-01"}, good)
    with pytest.raises(Wrong, match="no parameter"):
        arm().check(operation, version | {"colour": "red"}, good)
    with pytest.raises(Wrong, match="no operation"):
        arm().find("PUT", f"{ROOT}/providers/Microsoft.Web/pages/a")
    operation, _ = arm().find("GET", f"{ROOT}/providers/Microsoft.Web/sites/a")
    with pytest.raises(Wrong, match="takes no body"):
        arm().check(operation, version, {})


def test_another_group_or_code_has_another_name():
    options = AzureFunctionsOptions(**OWN)
    names = {
        app_name(options, "group", "0123456789"),
        app_name(options, "other", "0123456789"),
        app_name(options, "group", "9876543210"),
        app_name(AzureFunctionsOptions(**OWN, namespace="n"), "group", "0123456789"),
    }
    assert len(names) == 4
    assert all(len(name) <= 60 for name in names)
    with pytest.raises(ConfigurationError, match="too long"):
        app_name(AzureFunctionsOptions(**OWN, namespace="n" * 50), "group", "0123456789")
