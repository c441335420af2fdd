"""The manifests for KubeRay, by Ray's own reader and against each other."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from dvc.config import Config
from dvc.dirs import system_config_dir
from ray._common.utils import import_attr
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr as autoscaling_config,
)
from ray.serve._private.api import call_user_app_builder_with_args_if_necessary
from ray.serve._private.build_app import build_app
from ray.serve.schema import ServeDeploySchema
from ruamel.yaml import YAML

from pix2pix.errors import UserError
from tests.support.deployed import (
    ROOT,
    cluster_spec,
    container,
    dockerfile,
    document,
    documents,
    environment,
    groups,
    pod,
    settings,
)

GPU = "nvidia.com/gpu"
MADE_BY_HAND = ("ConfigMap", "pix2pix-params")  # of params.yaml, by kubectl
CLUSTER = document("kuberay/raycluster.yaml")
JOB = document("kuberay/rayjob.yaml")
SERVICE = document("kuberay/rayservice.yaml")


def _gib(quantity: str) -> int:
    return int(re.fullmatch(r"(\d+)Gi", quantity)[1])


def test_ray_s_autoscaler_sees_the_nodes_that_are_meant() -> None:
    resource = copy.deepcopy(CLUSTER)
    resource["metadata"]["namespace"] = "default"
    types = autoscaling_config(resource)["available_node_types"]
    resources = {name: dict(kind["resources"]) for name, kind in types.items()}
    limits = {name: kind.pop("memory") for name, kind in resources.items()}
    assert resources == {"headgroup": {"CPU": 0}, "gpu": {"CPU": 8, "GPU": 1}}
    assert limits == {"headgroup": 16 * 2**30, "gpu": 32 * 2**30}
    assert (types["gpu"]["min_workers"], types["gpu"]["max_workers"]) == (1, 4)


def test_the_job_s_cluster_is_the_one_that_stays() -> None:
    assert JOB["spec"]["rayClusterSpec"] == CLUSTER["spec"]
    assert {CLUSTER["apiVersion"], JOB["apiVersion"]} == {"ray.io/v1"}
    assert (CLUSTER["kind"], JOB["kind"]) == ("RayCluster", "RayJob")
    # Both make a service of their name and "-head-svc".
    assert CLUSTER["metadata"]["name"] != JOB["metadata"]["name"]


def test_the_service_s_cluster_is_the_one_that_stays_with_a_port_and_without_parameters() -> None:
    """KubeRay makes the service of the models of a port `serve`; nobody has to make parameters."""
    wanted = copy.deepcopy(CLUSTER["spec"])
    head = pod(wanted["headGroupSpec"])
    head["volumes"] = [each for each in head["volumes"] if each["name"] != "params"]
    (ray,) = head["containers"]
    ray["volumeMounts"] = [each for each in ray["volumeMounts"] if each["name"] != "params"]
    config = YAML(typ="safe").load(SERVICE["spec"]["serveConfigV2"])
    ray["ports"].append({"name": "serve", "containerPort": config["http_options"]["port"]})
    assert SERVICE["spec"]["rayClusterConfig"] == wanted
    assert (SERVICE["apiVersion"], SERVICE["kind"]) == ("ray.io/v1", "RayService")
    names = {each["metadata"]["name"] for each in (CLUSTER, JOB, SERVICE)}
    assert len(names) == 3


def test_ray_serve_builds_the_service_s_application_and_only_with_a_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = ServeDeploySchema(**YAML(typ="safe").load(SERVICE["spec"]["serveConfigV2"]))
    (described,) = config.applications
    build = import_attr(described.import_path)
    monkeypatch.delenv("PIX2PIX_SERVE_TOKEN", raising=False)
    with pytest.raises(UserError, match="PIX2PIX_SERVE_TOKEN"):
        call_user_app_builder_with_args_if_necessary(build, described.args)
    monkeypatch.setenv("PIX2PIX_SERVE_TOKEN", "sesame")
    application = call_user_app_builder_with_args_if_necessary(build, described.args)
    built = build_app(application, name=described.name)
    model = next(
        each for each in built.deployments if each.name == "pix2pix-facades-drawn-champion"
    )
    assert model.ray_actor_options["num_gpus"] == 0.25
    scaling = model._deployment_config.autoscaling_config
    assert (scaling.min_replicas, scaling.max_replicas) == (2, 8)
    monkeypatch.setenv("PIX2PIX_SERVE_TOKEN", _secret("PIX2PIX_SERVE_TOKEN"))
    with pytest.raises(UserError, match="a secret of your own"):
        call_user_app_builder_with_args_if_necessary(build, described.args)


def _secret(name: str) -> str:
    """What settings.yaml has before it is filled in."""
    return settings()["Secret", "pix2pix-secrets"][name]


def test_ray_is_the_one_of_the_lock() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert f"\nray=={cluster_spec()['rayVersion']}\n" in lock


@pytest.mark.parametrize("name", [name for name in groups() if name != "head"])
def test_a_worker_s_gpus_are_those_that_ray_is_told_of(name: str) -> None:
    group = groups()[name]
    resources = container(group)["resources"]
    assert int(resources["limits"][GPU]) >= 1
    assert resources["limits"][GPU] == group["rayStartParams"]["num-gpus"]
    assert resources["requests"] == resources["limits"]
    assert any(item["key"] == GPU for item in pod(group)["tolerations"])
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]


def test_the_head_has_no_gpu_and_no_room_for_a_worker() -> None:
    head = groups()["head"]
    assert head["rayStartParams"]["num-cpus"] == "0"
    assert GPU not in container(head)["resources"]["limits"]


def test_there_is_time_for_a_checkpoint() -> None:
    head, worker = groups()["head"], groups()["gpu"]
    drain_s = int(environment(worker)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"])
    assert 30 <= drain_s < pod(worker)["terminationGracePeriodSeconds"]
    stop_s = int(environment(head)["RAY_JOB_STOP_WAIT_TIME_S"])
    assert 30 <= stop_s < pod(head)["terminationGracePeriodSeconds"]


@pytest.mark.parametrize("name", groups())
def test_pods_have_shared_memory_and_every_volume_they_mount(name: str) -> None:
    group = groups()[name]
    volumes = {volume["name"]: volume for volume in pod(group)["volumes"]}
    mounts = {mount["mountPath"]: mount["name"] for mount in container(group)["volumeMounts"]}
    assert set(mounts.values()) == set(volumes)
    shared_memory = volumes[mounts["/dev/shm"]]["emptyDir"]
    assert shared_memory["medium"] == "Memory"
    memory = container(group)["resources"]["limits"]["memory"]
    assert 1 <= _gib(shared_memory["sizeLimit"]) <= _gib(memory) / 2


@pytest.mark.parametrize("name", groups())
def test_what_pods_refer_to_is_in_the_settings(name: str) -> None:
    group = groups()[name]
    assert pod(group)["securityContext"] == {"runAsNonRoot": True}
    read = {
        ({"configMapRef": "ConfigMap", "secretRef": "Secret"}[kind], reference["name"])
        for source in container(group)["envFrom"]
        for kind, reference in source.items()
    }
    assert {kind for kind, _ in read} == {"ConfigMap", "Secret"}
    mounted = {
        ("ConfigMap", volume["configMap"]["name"])
        for volume in pod(group)["volumes"]
        if "configMap" in volume
    }
    assert read | mounted <= set(settings()) | {MADE_BY_HAND}


def test_the_settings_are_well_formed_and_hold_no_secret() -> None:
    kinds = {"ConfigMap": {"data"}, "Secret": {"type", "stringData"}}
    for item in documents("kuberay/settings.yaml"):
        assert item.keys() == {"apiVersion", "kind", "metadata"} | kinds[item["kind"]]
        assert item["apiVersion"] == "v1"
    values: list[Any] = [value for data in settings().values() for value in data.values()]
    assert all(isinstance(value, str) for value in values)  # Kubernetes refuses numbers
    assert set(settings()["Secret", "pix2pix-secrets"].values()) == {"change-me"}


def test_dvc_finds_its_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (name, text) = next(iter(settings()["ConfigMap", "pix2pix-dvc"].items()))
    (tmp_path / name).write_text(text)
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "none"))
    config = Config()
    assert config["remote"][config["core"]["remote"]]["url"].startswith("s3://")
    monkeypatch.delenv("DVC_SYSTEM_CONFIG_DIR")
    monkeypatch.delenv("XDG_CONFIG_DIRS", raising=False)
    mounts = {mount["name"]: mount["mountPath"] for mount in _head_mounts()}
    assert mounts["dvc"] == system_config_dir()


def test_a_job_runs_a_script_of_the_image_with_the_mounted_parameters() -> None:
    command, script, params = JOB["spec"]["entrypoint"].split()
    assert command == "bash"
    assert re.fullmatch(r"[\w/.]+", script + params)  # a shell reads it, unquoted
    (workdir,) = [arguments for name, arguments in dockerfile() if name == "WORKDIR"]
    assert (ROOT / Path(script).relative_to(workdir)).is_file()
    mounts = {mount["name"]: mount["mountPath"] for mount in _head_mounts()}
    assert Path(params) == Path(mounts["params"], "params.yaml")


def test_a_lost_head_node_is_another_attempt_and_a_finished_job_costs_nothing() -> None:
    spec = JOB["spec"]
    assert spec["backoffLimit"] >= 1
    assert spec["submissionMode"] == "K8sJobMode"
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0


def _head_mounts() -> list[dict[str, str]]:
    mounts: list[dict[str, str]] = container(groups()["head"])["volumeMounts"]
    return mounts
