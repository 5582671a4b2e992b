"""The table of sections: what Lithops knows, the schema for editors, and what is not shown."""

import importlib.util
import inspect
import json
from importlib import import_module
from pathlib import Path

import jsonschema
import pytest
import yaml

from greenlithops.backends.storage.s3 import services
from greenlithops.config.check import findings
from greenlithops.config.keys import Fate, Role
from greenlithops.config.known import SECTIONS
from greenlithops.config.schema import schema
from greenlithops.config.show import MASK, masked
from greenlithops.registry import STORAGE

ROOT = Path(__file__).parents[3]
spec = importlib.util.spec_from_file_location("configuration", ROOT / "tools" / "configuration.py")
configuration = importlib.util.module_from_spec(spec)
spec.loader.exec_module(configuration)

#: what Lithops 3.8 looks for in its sections; the names alone
KNOWN_TO_LITHOPS = {
    "lithops": "backend mode storage monitoring monitoring_interval data_cleaner data_limit "
    "execution_timeout include_modules exclude_modules chunksize log_level log_format log_stream "
    "log_filename telemetry telemetry_interval retries",
    "localhost": "runtime worker_processes version max_workers pull_runtime use_gpu",
    "standalone": "runtime exec_mode use_gpu start_timeout auto_dismantle soft_dismantle_timeout "
    "hard_dismantle_timeout extra_apt_packages extra_python_packages",
    "aws": "region access_key_id secret_access_key session_token",
    "aws_lambda": "execution_role runtime runtime_memory runtime_timeout max_workers "
    "worker_processes invoke_pool_threads architecture ephemeral_storage env_vars user_tags vpc "
    "efs account_id namespace remote_invoker",
    "aws_batch": "execution_role instance_role security_groups subnets job_role service_role "
    "runtime_cpu env_max_cpus env_type assign_public_ip instance_types",
    "aws_ec2": "instance_role master_instance_type worker_instance_type ssh_username "
    "ssh_key_filename request_spot_instances delete_on_dismantle vpc_id public_subnet_id "
    "public_subnet_cidr_block security_group_id target_ami ebs_volumes instance_id",
    "aws_s3": "region storage_bucket access_key_id secret_access_key session_token",
    "gcp": "region credentials_path project_name",
    "gcp_functions": "trigger retries retry_sleep runtime_memory",
    "gcp_cloudrun": "runtime_cpu min_workers artifact_registry_repository trigger",
    "gcp_compute_engine": "project_name zone instance_name boot_disk_size network_cidr",
    "gcp_storage": "region credentials_path storage_bucket",
    "azure": "resource_group region storage_account_name storage_account_key subscription_id",
    "azure_functions": "resource_group region functions_version trigger",
    "azure_containers": "resource_group region environment environment_id trigger docker_user",
    "azure_vms": "resource_group subscription_id region instance_name",
    "azure_storage": "storage_account_name storage_account_key storage_bucket",
    "ibm": "iam_api_key region resource_group_id",
    "code_engine": "runtime_cpu project_name connection_retries",
    "ibm_vpc": "instance_id floating_ip verify_resources boot_volume_capacity gpu singlesocket",
    "ibm_cf": "endpoint namespace iam_api_key",
    "ibm_cos": "endpoint private_endpoint api_key service_instance_id access_key_id",
    "aliyun": "account_id access_key_id access_key_secret role_arn region",
    "aliyun_fc": "deploy_mode docker_user",
    "aliyun_oss": "storage_bucket region",
    "oracle": "compartment_id user key_file region tenancy fingerprint",
    "oracle_f": "subnet_id docker_password",
    "oracle_oss": "storage_bucket",
    "k8s": "kubecfg_path kubecfg_context namespace master_timeout runtime_arch rabbitmq_executor "
    "container_security_context pod_security_context docker_server docker_password",
    "knative": "networking_layer ingress_endpoint git_url git_rev runtime_cpu",
    "openwhisk": "endpoint namespace api_key insecure",
    "singularity": "sif_path runtime amqp_url",
    "vm": "ip_address ssh_username ssh_key_filename ssh_password",
    "minio": "endpoint access_key_id secret_access_key session_token storage_bucket",
    "ceph": "endpoint access_key_id secret_access_key session_token storage_bucket region",
    "redis": "host port username password db ssl",
    "swift": "auth_url user_id project_id password region storage_bucket",
    "infinispan": "endpoint username password mech cache_names cache_type",
    "rabbitmq": "amqp_url",
    "prometheus": "apigateway gateway job timeout instance",
    "otlp": "endpoint protocol service_name timeout export_interval instance headers",
    "aws_sqs": "region",
    "gcp_pubsub": "project_name credentials_path",
    "azure_queue": "storage_account_name storage_account_key",
}


@pytest.mark.parametrize("name", KNOWN_TO_LITHOPS)
def test_every_section_and_key_of_lithops_is_known(name):
    assert set(KNOWN_TO_LITHOPS[name].split()) <= set(SECTIONS[name].keys)


def test_every_key_that_is_not_honoured_says_why():
    for section in SECTIONS.values():
        for key in section.keys.values():
            assert key.name
            if key.fate in {Fate.NEEDLESS, Fate.REFUSED}:
                assert key.advice, f"{section.name}.{key.name}"
    for section in SECTIONS.values():
        waits = any(key.fate is Fate.WAITING for key in section.keys.values())
        if section.role is Role.COMPUTE and waits:
            assert section.advice, section.name


@pytest.mark.parametrize("name", sorted(STORAGE.keys() & SECTIONS.keys() - {"azure"}))
def test_every_option_of_a_storage_can_be_configured(name):
    section = SECTIONS[name]
    if section.open:
        return  # it takes any
    module, attribute, _ = STORAGE[name]
    options = {*inspect.signature(getattr(import_module(module), attribute)).parameters}
    if options == {"options"}:
        others = services.SERVICES[name].others
        options = services.OWN | {option for option, own in others.items() if own is not None}
    only_in_code = {"credential"}  # an object
    assert options - only_in_code <= section.keys.keys()


def test_findings_tell_errors_and_notes():
    content = {
        "lithops": {"monitoring_interval": 1, "data_limit": False, "retries": -1, "bakend": 1},
        "aws_lamda": {},
        "my_storage": {},
        "minio": {"endpoint": 5},
    }
    found = {(one.section, one.key): one for one in findings(content)}
    assert not found["lithops", "monitoring_interval"].error
    assert "nothing is polled" in found["lithops", "monitoring_interval"].text
    assert not found["lithops", "data_limit"].error
    assert found["lithops", "retries"].text == "must be at least 0, not -1"
    assert "did you mean 'backend'" in found["lithops", "bakend"].text
    assert "did you mean 'aws_lambda'" in found["aws_lamda", ""].text
    assert not found["my_storage", ""].error
    assert found["minio", "endpoint"].error


def test_the_page_and_the_schema_for_editors_are_current():
    again = "write them anew: python tools/configuration.py"
    assert json.loads(configuration.SCHEMA.read_text()) == schema(), again
    assert configuration.PAGE.read_text() == configuration.page(), again


EXAMPLE = """
lithops:
  backend: aws_lambda
  storage: aws_s3
  data_limit: false
  include_modules: null
aws:
  region: eu-west-1
  access_key_id: abc
aws_lambda:
  execution_role: arn:aws:iam::1:role/x
  runtime_memory: 512
  vpc: {subnets: [a], security_groups: []}
redis: {host: h, socket_timeout: 3}
"""


def test_the_schema_takes_what_is_right():
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(yaml.safe_load(EXAMPLE), schema())


@pytest.mark.parametrize(
    "wrong",
    [
        {"lithop": {}},
        {"lithops": {"bakend": "x"}},
        {"lithops": {"backend": "nowhere"}},
        {"localhost": {"max_workers": "two"}},
        {"localhost": {"max_workers": 0}},
        {"aws_batch": {"env_type": "EC3"}},
    ],
)
def test_the_schema_refuses_what_the_check_refuses(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema())


def test_secrets_are_masked():
    content = {
        "aws_s3": {"access_key_id": "AKIA", "secret_access_key": "hush", "region": "eu-west-1"},
        "rabbitmq": {"amqp_url": "amqp://user:hush@host/"},
        "redis": {"host": "h", "password": "hush", "sentinel": {"password": "hush"}},
        "minio": {"endpoint": "http://user:hush@host:9000", "secret_access_key": None},
        "otlp": {"headers": {"authorization": "hush"}},
        "unknown": {"my_api_key": "hush", "credentials_path": "/x"},
    }
    safe = masked(content)
    assert "hush" not in json.dumps(safe)
    assert safe["aws_s3"] == {
        "access_key_id": MASK,
        "secret_access_key": MASK,
        "region": "eu-west-1",
    }
    assert safe["minio"] == {"endpoint": f"http://{MASK}@host:9000", "secret_access_key": None}
    assert safe["unknown"]["credentials_path"] == "/x"
    assert content["redis"]["password"] == "hush"
