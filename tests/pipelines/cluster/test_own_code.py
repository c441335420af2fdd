"""Which code a cluster's nodes run: that of the driver, also of one that is a job of Ray."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import ray

DRIVER = """
import sys
import ray
from pipelines.cluster.placement import connect

connect(sys.argv[1])

@ray.remote(num_cpus=0)
def where():
    import pipelines, pix2pix
    return pipelines.__file__, pix2pix.__file__

print(*ray.get(where.remote()), sep="\\n")
"""
# What Ray sets for the command of each job (dashboard/modules/job/job_supervisor.py).
OF_JOB = {
    "RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"env_vars": {}}, "metadata": {"job": "1"}}',
    "PYTHONUNBUFFERED": "1",
}


@pytest.mark.ray
@pytest.mark.parametrize("variables", [{}, OF_JOB], ids=["driver", "job"])
def test_workers_run_the_code_that_the_driver_has_sent(
    cluster: None, variables: dict[str, str]
) -> None:
    address = ray.get_runtime_context().gcs_address
    ended = subprocess.run(
        [sys.executable, "-c", DRIVER, address],
        env=os.environ | {"RAY_AUTH_MODE": "token"} | variables,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    packages = [Path(file).parent for file in ended.stdout.splitlines()]
    assert [package.name for package in packages] == ["pipelines", "pix2pix"]
    assert all(package.parent.name.startswith("_ray_pkg_") for package in packages)
