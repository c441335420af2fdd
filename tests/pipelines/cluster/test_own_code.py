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


# As `ray job submit --working-dir . --runtime-env-json '{"excludes": ["data"]}'` sets it.
EXCLUDING = {"RAY_JOB_CONFIG_JSON_ENV_VAR": '{"runtime_env": {"excludes": ["data"]}}'}
OVERRIDDEN = EXCLUDING | {"RAY_OVERRIDE_JOB_RUNTIME_ENV": "1"}


def _driver(variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", DRIVER, ray.get_runtime_context().gcs_address],
        env=os.environ | {"RAY_AUTH_MODE": "token"} | variables,
        capture_output=True,
        text=True,
    )


@pytest.mark.ray
@pytest.mark.parametrize(
    "variables", [{}, OF_JOB, OVERRIDDEN], ids=["driver", "job", "overriding job"]
)
def test_workers_run_the_code_that_the_driver_has_sent(
    cluster: None, variables: dict[str, str]
) -> None:
    ended = _driver(variables)
    assert ended.returncode == 0, ended.stderr
    packages = [Path(file).parent for file in ended.stdout.splitlines()]
    assert [package.name for package in packages] == ["pipelines", "pix2pix"]
    assert all(package.parent.name.startswith("_ray_pkg_") for package in packages)


@pytest.mark.ray
def test_a_job_that_sets_the_same_is_named_as_the_cause(cluster: None) -> None:
    ended = _driver(EXCLUDING)
    assert ended.returncode == 1
    said = ended.stderr.partition("UserError: ")[2]
    assert said.startswith("the job of Ray that this command is")
    assert "Leave py_modules and excludes out of the job's, or set RAY_OVERRIDE_JOB" in said
    assert "is no address" not in ended.stderr
