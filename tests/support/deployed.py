"""The files below deploy/, read as the tools read them."""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
YAML_FILES = sorted(path.relative_to(DEPLOY).as_posix() for path in DEPLOY.rglob("*.yaml"))


def documents(name: str) -> list[dict[str, Any]]:
    """The YAML documents of a file below deploy/."""
    return list(YAML(typ="safe").load_all(DEPLOY / name))


def document(name: str) -> dict[str, Any]:
    """The one document of a file below deploy/."""
    (only,) = documents(name)
    return only


def settings() -> dict[tuple[str, str], dict[str, str]]:
    """What settings.yaml defines: values by (kind, name)."""
    return {
        (item["kind"], item["metadata"]["name"]): item.get("data") or item["stringData"]
        for item in documents("kuberay/settings.yaml")
    }


def cluster_spec() -> dict[str, Any]:
    """The spec of the RayCluster that stays."""
    spec: dict[str, Any] = document("kuberay/raycluster.yaml")["spec"]
    return spec


def groups() -> dict[str, dict[str, Any]]:
    """The head's group and the workers', by name."""
    spec = cluster_spec()
    return {"head": spec["headGroupSpec"]} | {
        group["groupName"]: group for group in spec["workerGroupSpecs"]
    }


def pod(group: dict[str, Any]) -> dict[str, Any]:
    """The spec of a group's pods."""
    spec: dict[str, Any] = group["template"]["spec"]
    return spec


def container(group: dict[str, Any]) -> dict[str, Any]:
    """The only container of a group's pods."""
    (only,) = pod(group)["containers"]
    return only


def environment(group: dict[str, Any]) -> dict[str, str]:
    """What a group's container sets itself, without the settings."""
    return {item["name"]: item["value"] for item in container(group)["env"]}


def docker_environment() -> dict[str, str]:
    """What ray-cluster.yaml sets in the containers of all nodes."""
    options = document("ray-cluster.yaml")["docker"]["run_options"]
    found = (re.fullmatch(r"--env (\w+)=(\S+)", option) for option in options)
    return {match[1]: match[2] for match in found if match}


def dockerfile() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments on one line."""
    text = re.sub(r"^\s*#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def image_environment() -> dict[str, str]:
    """What the image sets."""
    pairs = " ".join(arguments for name, arguments in dockerfile() if name == "ENV").split()
    return dict(pair.split("=", 1) for pair in pairs)
