"""ray-cluster.yaml, by the reader of `ray up`."""

import copy
from pathlib import PurePosixPath
from typing import Any

import pytest
from ray.autoscaler._private.util import prepare_config, validate_config

from tests.support.deployed import docker_environment, document, image_environment


@pytest.fixture
def cluster() -> dict[str, Any]:
    """As `ray up` has it after its checks, with its defaults."""
    prepared: dict[str, Any] = prepare_config(copy.deepcopy(document("ray-cluster.yaml")))
    validate_config(prepared)
    return prepared


def test_the_head_has_no_gpu_and_workers_are_spot_machines_with_one(
    cluster: dict[str, Any],
) -> None:
    types = cluster["available_node_types"]
    head = types.pop(cluster["head_node_type"])
    (worker,) = types.values()
    assert (head["resources"], head["max_workers"]) == ({"CPU": 0}, 0)
    assert worker["resources"]["GPU"] == 1
    assert (worker["min_workers"], worker["max_workers"]) == (1, cluster["max_workers"])
    assert worker["node_config"]["InstanceMarketOptions"] == {"MarketType": "spot"}
    assert "InstanceMarketOptions" not in head["node_config"]
    assert cluster["docker"]["worker_run_options"] == ["--gpus all"]


def test_every_machine_has_the_role_that_reads_and_writes_the_bucket(
    cluster: dict[str, Any],
) -> None:
    configs = [kind["node_config"] for kind in cluster["available_node_types"].values()]
    assert all(config["IamInstanceProfile"]["Name"] for config in configs)
    assert not [name for name in docker_environment() if "SECRET" in name or "KEY" in name]


def test_nothing_of_ray_s_defaults_is_installed_over_the_image(cluster: dict[str, Any]) -> None:
    assert cluster["head_setup_commands"] == cluster["worker_setup_commands"] == []


def test_ray_is_started_where_the_others_look_for_it(cluster: dict[str, Any]) -> None:
    head, worker = (cluster[f"{kind}_start_ray_commands"][-1] for kind in ("head", "worker"))
    assert head.startswith("ray start --head --port=6379 ")
    assert "--autoscaling-config=~/ray_bootstrap_config.yaml" in head
    assert worker.startswith("ray start --address=$RAY_HEAD_IP:6379 ")


def test_the_token_is_where_ray_looks_for_it(cluster: dict[str, Any]) -> None:
    home = PurePosixPath(image_environment()["HOME"])
    assert cluster["file_mounts"] == {str(home / ".ray" / "auth_token"): "~/.ray/auth_token"}
    assert docker_environment()["RAY_AUTH_MODE"] == "token"
