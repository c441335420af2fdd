"""What docs/cluster.md tells to type and to set exists, and fits the files below deploy/."""

import contextlib
import dataclasses
import importlib.util
import io
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pytest
from dvc.cli.parser import get_main_parser
from ray.scripts.scripts import cli
from ruamel.yaml import YAML

from pix2pix.config import Params, load_params, parse_params
from tests.support.deployed import (
    DEPLOY,
    ROOT,
    container,
    docker_environment,
    document,
    environment,
    groups,
    settings,
)

GUIDE = (ROOT / "docs" / "cluster.md").read_text()
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)
    for line in block.splitlines()
]

# Where the tool itself reads each variable.
READERS = {
    "RAY_ADDRESS": "ray/_private/ray_constants.py",
    "RAY_AUTH_MODE": "ray/_private/authentication/authentication_token_setup.py",
    "RAY_AUTH_TOKEN": "ray/_private/runtime_env/image_uri.py",
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "ray/_private/ray_constants.py",
    "RAY_JOB_STOP_WAIT_TIME_S": "ray/dashboard/modules/job/job_supervisor.py",
    "AWS_ACCESS_KEY_ID": "botocore/credentials.py",
    "AWS_SECRET_ACCESS_KEY": "botocore/credentials.py",
    "AWS_DEFAULT_REGION": "botocore/configprovider.py",
    "AWS_ENDPOINT_URL": "botocore/configprovider.py",
    "AWS_CA_BUNDLE": "botocore/configprovider.py",
    "MLFLOW_TRACKING_URI": "mlflow/environment_variables.py",
    "MLFLOW_TRACKING_USERNAME": "mlflow/environment_variables.py",
    "MLFLOW_TRACKING_PASSWORD": "mlflow/environment_variables.py",
    "MLFLOW_TRACKING_SERVER_CERT_PATH": "mlflow/environment_variables.py",
    "DVC_SYSTEM_CONFIG_DIR": "dvc/env.py",
    "PIX2PIX_SERVE_TOKEN": "pipelines/serving/access.py",
    "XDG_CACHE_HOME": "pipelines/runs/dataset.py",
}


def _commands(tool: str) -> Iterator[list[str]]:
    """The arguments of each use of `tool`."""
    for line in LINES:
        for part in re.split(r"\s[|&]+\s", line):
            words = shlex.split(part, comments=True)
            while words and "=" in words[0]:  # variables before the command
                words.pop(0)
            if words and words[0] == tool:
                yield words[1:]


def _params() -> Params:
    """params.yaml with what the guide sets in it."""
    (snippet,) = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    params: dict[str, Any] = dataclasses.asdict(load_params(ROOT / "params" / "default.yaml"))
    (changes,) = YAML(typ="safe").load(snippet).items()
    assert changes[0] == "train"
    return parse_params(params | {"train": params["train"] | changes[1]})


def test_it_is_short_enough_to_be_read() -> None:
    assert len(GUIDE.splitlines()) <= 150


def test_ray_takes_every_command() -> None:
    commands = list(_commands("ray"))
    assert len(commands) > 8
    for words in commands:
        command: click.Command = cli
        while isinstance(command, click.Group):
            command, words = command.commands[words[0]], words[1:]
        with contextlib.redirect_stderr(io.StringIO()):
            command.make_context(words[0] if words else "", list(words))


def test_dvc_takes_every_command() -> None:
    script = (DEPLOY / "reproduce.sh").read_text()
    typed = [
        shlex.split(line)[1:]
        for line in re.findall(r"^ *(?:if )?(dvc [a-z][^|>\n]*?)(?: 2>.*)?$", script, re.MULTILINE)
    ]
    quoted = [shlex.split(words) for words in re.findall(r"`dvc ([\w -]+)(?: …)?`", GUIDE)]
    assert len(typed) == 4
    assert ["repro"] in quoted
    for words in [*typed, *_commands("dvc"), *(words for words in quoted if words[0] != "remote")]:
        get_main_parser().parse_args(words)


def test_every_file_it_names_exists() -> None:
    named = set(re.findall(r"\bdeploy/[\w/.-]*\w", GUIDE))
    assert {"deploy/Dockerfile", "deploy/ray-cluster.yaml", "deploy/reproduce.sh"} <= named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_it_names_what_kubernetes_makes_of_the_manifests() -> None:
    cluster = document("kuberay/raycluster.yaml")["metadata"]["name"]
    job = document("kuberay/rayjob.yaml")["metadata"]["name"]
    assert f"service/{cluster}-head-svc" in GUIDE
    assert f"get secret {cluster} " in GUIDE
    assert f"get rayjob {job}\n" in GUIDE
    assert f"job/{job}\n" in GUIDE


def test_its_parameters_are_valid_and_fit_the_manifests() -> None:
    train = _params().train
    worker = groups()["gpu"]
    per_pod = int(container(worker)["resources"]["limits"]["nvidia.com/gpu"])
    assert train.device == "gpu"
    assert train.min_workers <= worker["minReplicas"] * per_pod  # there when a training starts
    assert train.max_workers == worker["maxReplicas"] * per_pod
    assert train.cpus_per_worker is not None
    assert train.cpus_per_worker * per_pod <= int(container(worker)["resources"]["limits"]["cpu"])


def test_checkpoints_go_to_the_bucket_of_the_data() -> None:
    text = settings()["ConfigMap", "pix2pix-dvc"]["config"]
    (remote,) = re.findall(r"url = (\S+)", text)
    storage = urlsplit(_params().train.storage_path or "")
    assert (storage.scheme, storage.netloc) == ("s3", urlsplit(remote).netloc)
    assert storage.path.strip("/") != urlsplit(remote).path.strip("/")


@pytest.mark.parametrize("name", sorted(READERS))
def test_every_variable_is_one_that_its_tool_reads(name: str) -> None:
    top, _, rest = READERS[name].partition("/")
    spec = importlib.util.find_spec(top)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    text = Path(spec.submodule_search_locations[0], rest).read_text()
    assert re.search(rf"""["']{name}["']""", text)


def test_every_variable_that_is_set_is_explained() -> None:
    table = GUIDE.split("## Variables")[1]
    explained = {
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", row)
    }
    in_pods = [environment(group) for group in groups().values()]
    from_settings = [data for (_, name), data in settings().items() if name != "pix2pix-dvc"]
    used = {name for names in [*in_pods, *from_settings, docker_environment()] for name in names}
    mentioned = set(re.findall(r"\b(?:RAY|AWS|MLFLOW|DVC|XDG)_[A-Z_]+\b", GUIDE))
    assert used | mentioned <= explained
    assert explained == set(READERS)
