"""Public on-demand prices, with where and when they were read; US dollars, without taxes.

They are those of the region named, of Linux, without savings plans, and change without notice: pass
a tariff of your own where it matters. Network, storage and logs are not in them.
"""

from __future__ import annotations

from greenlithops.energy.cost import Meter, Tariff

_INFINITE = float("inf")

TARIFFS = {
    "lambda-x86": Tariff(
        name="AWS Lambda, x86",
        date="2024-12",
        region="us-east-1",
        source="aws.amazon.com/lambda/pricing",
        step_seconds=0.001,
        most_mb=10_240,
        meters=(
            Meter("requests", ((_INFINITE, 0.20e-6),), free=1e6),
            Meter(
                "gb_seconds",
                ((6e9, 0.0000166667), (15e9, 0.000015), (_INFINITE, 0.0000133334)),
                free=400_000,
            ),
        ),
    ),
    "lambda-arm": Tariff(
        name="AWS Lambda, Arm",
        date="2024-12",
        region="us-east-1",
        source="aws.amazon.com/lambda/pricing",
        step_seconds=0.001,
        most_mb=10_240,
        meters=(
            Meter("requests", ((_INFINITE, 0.20e-6),), free=1e6),
            Meter(
                "gb_seconds",
                ((7.5e9, 0.0000133334), (18.75e9, 0.0000120001), (_INFINITE, 0.0000106667)),
                free=400_000,
            ),
        ),
    ),
    "fargate-x86": Tariff(
        name="AWS Fargate, x86",
        date="2026-03",
        region="us-east-1",
        source="aws.amazon.com/fargate/pricing",
        step_seconds=1.0,
        least_seconds=60.0,
        meters=(
            Meter("vcpu_seconds", ((_INFINITE, 0.04048 / 3600),)),
            Meter("gb_seconds", ((_INFINITE, 0.004445 / 3600),)),
        ),
    ),
    "fargate-arm": Tariff(
        name="AWS Fargate, Arm",
        date="2026-03",
        region="us-east-1",
        source="aws.amazon.com/fargate/pricing",
        step_seconds=1.0,
        least_seconds=60.0,
        meters=(
            Meter("vcpu_seconds", ((_INFINITE, 0.03238 / 3600),)),
            Meter("gb_seconds", ((_INFINITE, 0.00356 / 3600),)),
        ),
    ),
    "cloud-run": Tariff(
        name="Google Cloud Run, billed by request",
        date="2025-06",
        region="tier 1 regions",
        source="cloud.google.com/run/pricing",
        step_seconds=0.1,
        meters=(
            Meter("requests", ((_INFINITE, 0.40e-6),), free=2e6),
            Meter("vcpu_seconds", ((_INFINITE, 0.000024),), free=180_000),
            Meter("gb_seconds", ((_INFINITE, 0.0000025),), free=360_000),
        ),
    ),
    "cloud-run-jobs": Tariff(
        name="Google Cloud Run jobs",
        date="2025-06",
        region="tier 1 regions",
        source="cloud.google.com/run/pricing",
        step_seconds=0.1,
        least_seconds=60.0,
        meters=(
            Meter("vcpu_seconds", ((_INFINITE, 0.000018),), free=240_000),
            Meter("gb_seconds", ((_INFINITE, 0.000002),), free=450_000),
        ),
    ),
    "azure-functions": Tariff(
        name="Azure Functions, consumption plan",
        date="2025-01",
        region="East US",
        source="azure.microsoft.com/pricing/details/functions",
        step_seconds=0.001,
        least_seconds=0.1,
        step_mb=128,
        most_mb=1536,
        meters=(
            Meter("requests", ((_INFINITE, 0.20e-6),), free=1e6),
            Meter("gb_seconds", ((_INFINITE, 0.000016),), free=400_000),
        ),
    ),
    "azure-functions-flex": Tariff(
        name="Azure Functions, flex consumption plan, on demand",
        date="2025-05",
        region="East US",
        source="azure.microsoft.com/pricing/details/functions",
        step_seconds=0.1,
        least_seconds=1.0,
        meters=(
            Meter("requests", ((_INFINITE, 0.40e-6),), free=250_000),
            Meter("gb_seconds", ((_INFINITE, 0.000026),), free=100_000),
        ),
    ),
    "oracle-functions": Tariff(
        name="Oracle Functions",
        date="2026-09",
        region="all regions",
        source="oracle.com/cloud/price-list",
        step_seconds=0.001,
        meters=(
            Meter("requests", ((_INFINITE, 0.20e-6),), free=2e6),
            Meter("gb_seconds", ((_INFINITE, 0.00001417),), free=400_000),
        ),
    ),
}
