"""The origin of a run: its commit, its packages, and its parameters as text."""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import distributions, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

from pipelines.repository.git import git, web_address
from pix2pix.errors import UserError

DISTRIBUTION = "pix2pix-pipeline"

# The files that the pipeline itself writes, and the parameters, which every run records in full. If
# they counted, almost every run would count as changed.
_NOT_CODE = ("dvc.lock", "params.yaml", "data", "models", "reports")


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """The code and the packages of a training. All fields can be written as JSON."""

    commit: str | None  # None outside a git checkout
    is_dirty: bool  # tracked files other than parameters and outputs differ from the commit
    python: str
    torch: str  # with the local label if there is one (2.11.0+cpu)
    packages: str  # all installed packages, as the text of a requirements file
    web: str | None = None  # address of the repository for a browser; None if it has none


def origin(project_dir: Path) -> Origin:
    """Return the origin of a training that is started now in `project_dir`."""
    commit = _git(project_dir, "rev-parse", "--verify", "HEAD")
    excluded = [f":(exclude){path}" for path in _NOT_CODE]
    status = _git(
        project_dir, "status", "--porcelain", "--untracked-files=no", "--", ".", *excluded
    )
    return Origin(
        commit=commit,
        is_dirty=bool(status),
        python=platform.python_version(),
        torch=version("torch"),
        packages=installed_packages(),
        web=web_address(_git(project_dir, "remote", "get-url", "origin") or ""),
    )


def _git(project_dir: Path, *arguments: str) -> str | None:
    """Return what git prints; None without git, outside a checkout and before the first commit."""
    try:
        return git(project_dir, *arguments)
    except UserError:
        return None


def installed_packages() -> str:
    """Return all installed distributions as sorted lines `name==version`."""
    installed = {(item.metadata["Name"], item.version) for item in distributions()}
    lines = sorted((f"{name}=={number}" for name, number in installed), key=str.lower)
    return "\n".join(lines) + "\n"


def pinned_dependencies(distribution: str = DISTRIBUTION) -> list[str]:
    """Return the dependencies of `distribution` (no extras), pinned to the installed versions."""
    pins = []
    for line in requires(distribution) or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
            pins.append(f"{requirement.name}{extras}=={installed_version(requirement.name)}")
    return sorted(pins, key=str.lower)


def installed_version(distribution: str) -> str:
    """Return the version of an installed distribution, as registries name it.

    A local label (the last part of `2.11.0+cpu`) is left out, because registries do not have it.
    """
    return Version(version(distribution)).public


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested mappings as one with dotted keys; values as in params.yaml (null, true, 0.5).

    >>> flatten({"train": {"seed": 0, "use_gpu": False}})
    {'train.seed': '0', 'train.use_gpu': 'false'}
    """
    flat: dict[str, str] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value if isinstance(value, str) else json.dumps(value)
    return flat
