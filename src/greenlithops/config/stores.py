"""The sections of storage backends."""

from __future__ import annotations

from greenlithops.config.keys import (
    Key,
    Role,
    Section,
    anything,
    flag,
    keyed,
    many,
    number,
    secret,
    text,
)

BUCKET = text("storage_bucket", "where objects without a bucket of their own go")
_HMAC = (secret("access_key_id", "the key's name"), secret("secret_access_key", "the key"))
_TOKEN = secret("session_token", "of temporary credentials")
_ENDPOINT = text("endpoint", "the server's URL, http:// or https://")
_REGION = text("region", "the region")
# Of greenlithops' own, beside Lithops' keys.
_TIMES = (
    number("connect_timeout", "seconds until a connection must be there"),
    number("read_timeout", "seconds until an answer must go on"),
)
_ANONYMOUS = flag("anonymous", "use no credentials")
_S3 = (
    *_HMAC,
    _TOKEN,
    _REGION,
    text("region_name", "the same"),
    text("profile", "the profile of AWS's own configuration"),
    text("config_profile", "the same"),
    text("addressing", "where the bucket's name goes", choices=("auto", "path", "virtual")),
    text("checksum", "what uploads are checked with"),
    flag("conditional_writes", "whether the server heeds conditions; found out if not given"),
    flag("as_files", "whether the server keeps objects as files"),
    flag(
        "as_ceph",
        "the server is Ceph, which compares etags without their quotes",
    ),
    _ANONYMOUS,
    *_TIMES,
)


def _store(name: str, about: str, *keys: Key, required: str = "", cloud: str = "") -> Section:
    known = keyed(BUCKET, *keys)
    return Section(name, Role.STORAGE, about, known, cloud, required=tuple(required.split()))


STORES = (
    _store(
        "aws_s3",
        "Amazon S3.",
        _REGION,
        text("region_name", "the same"),
        *_HMAC,
        _TOKEN,
        _ENDPOINT,
        *_S3,
        cloud="aws",
    ),
    _store(
        "minio",
        "MinIO, and other servers that speak S3.",
        _ENDPOINT,
        _REGION,
        *_HMAC,
        _TOKEN,
        *_S3,
        required="endpoint",
    ),
    _store(
        "ceph",
        "Ceph's S3 gateway.",
        _ENDPOINT,
        _REGION,
        *_HMAC,
        _TOKEN,
        *_S3,
        required="endpoint",
    ),
    _store(
        "ibm_cos",
        "IBM Cloud Object Storage.",
        _ENDPOINT,
        _REGION,
        text("private_endpoint", "its URL from within IBM's cloud"),
        *_HMAC,
        secret("api_key", "an API key of the service"),
        secret("iam_api_key", "an API key of the account"),
        secret("ibm_api_key", "the same"),
        text("service_instance_id", "the service"),
        secret("token", "an IAM token"),
        anything("token_expiry_time", "when it expires"),
        *_S3,
        cloud="ibm",
    ),
    _store(
        "gcp_storage",
        "Google Cloud Storage.",
        _REGION,
        text("credentials_path", "the service account's file"),
        text("project", "the project in which buckets are made"),
        text("location", "where buckets are made"),
        text("service_file", "the service account's file"),
        _ENDPOINT,
        _ANONYMOUS,
        *_TIMES,
        cloud="gcp",
    ),
    _store(
        "azure_storage",
        "Azure Blob Storage.",
        text("storage_account_name", "the account"),
        secret("storage_account_key", "the account's key"),
        text("account", "the account"),
        secret("key", "the account's key"),
        secret("sas_token", "a shared access signature"),
        secret("connection_string", "account, key and endpoint in one"),
        _ENDPOINT,
        *_TIMES,
        cloud="azure",
    ),
    _store(
        "aliyun_oss",
        "Alibaba's Object Storage Service.",
        _REGION,
        secret("access_key_id", "the key's name"),
        secret("access_key_secret", "the key"),
        text("account_id", "the account"),
        text("public_endpoint", "its URL"),
        text("internal_endpoint", "its URL from within Alibaba's cloud"),
        _ENDPOINT,
        *_S3,
        cloud="aliyun",
    ),
    _store(
        "oracle_oss",
        "Oracle's Object Storage.",
        _REGION,
        text("compartment_id", "the compartment"),
        text("user", "the user"),
        text("key_file", "the file with the private key"),
        text("tenancy", "the tenancy"),
        text("tenancy_namespace", "its namespace"),
        text("namespace_name", "the same"),
        text("fingerprint", "the key's fingerprint"),
        _ENDPOINT,
        *_HMAC,
        *_S3,
        cloud="oracle",
    ),
    Section(
        "redis",
        Role.STORAGE,
        "Redis: objects, and the state of `multiprocessing`. Takes what redis.Redis takes, too.",
        keyed(
            BUCKET,
            text("host", "the server"),
            anything("port", "its port", default=6379),
            anything("db", "the database", default=0),
            text("username", "the user"),
            secret("password", "the password"),
            anything("ssl", "whether to use TLS", default=False),
        ),
        required=("host",),
        open=True,
    ),
    _store(
        "swift",
        "OpenStack Swift.",
        _REGION,
        text("auth_url", "Keystone's URL"),
        text("user_id", "the user"),
        text("project_id", "the project"),
        secret("password", "the password"),
        text("user_domain_name", "the user's domain"),
        text("project_domain_name", "the project's domain"),
        secret("token", "a token of Keystone"),
        required="auth_url user_id project_id password region",
    ),
    _store(
        "infinispan",
        "Infinispan's REST server.",
        _ENDPOINT,
        text("username", "the user"),
        secret("password", "the password"),
        text("mech", "how to log in"),
        text("auth_mech", "the same"),
        many("cache_names", "the caches"),
        text("cache_type", "their type"),
        required="endpoint username password",
    ),
    _store(
        "infinispan_hotrod",
        "Infinispan's Hot Rod server, until Lithops 3.7.",
        _ENDPOINT,
        text("username", "the user"),
        secret("password", "the password"),
        many("cache_names", "the caches"),
        text("cache_type", "their type"),
    ),
)
