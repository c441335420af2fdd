"""One short text that identifies everything that the result of a stage depends on.

`dvc.yaml` lists the code and the parameters. DVC runs the stage again if one of them has changed,
and a training continues from its checkpoints only if none has. The version of torch counts as well,
because another version may compute other numbers.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import pipelines
from pix2pix.config import Params
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file

_PROJECT_DIR = Path(pipelines.__file__).parents[1]  # of the code that runs
_CHARACTERS = 16


def stage_fingerprint(
    stage: str,
    params: Params,
    data_hash: str,
    *,
    parent_sha256: str | None = None,
    project_dir: Path = _PROJECT_DIR,
) -> str:
    """Return the fingerprint of a stage with these parameters, this prepared data and this parent.

    `parent_sha256` is the hash of the networks to start from; None: there are none. The stage must
    not read outputs of other stages than `prepare` and `parent`. Raises UserError if dvc.yaml or
    a file that it lists for the stage is missing.
    """
    stages = _stages(project_dir / "dvc.yaml")
    if stage not in stages:
        raise UserError(f"{project_dir / 'dvc.yaml'} has no stage {stage!r}")
    values = {key: _value(params, key) for key in stages[stage]["params"]}
    about = [data_hash, version("torch"), values]
    about += [] if parent_sha256 is None else [parent_sha256]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    made = {path for each in stages.values() for path in _outputs(each)}
    for path in _files(project_dir, [dep for dep in stages[stage]["deps"] if dep not in made]):
        content = sha256_of_file(path)
        digest.update(f"{path.relative_to(project_dir).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:_CHARACTERS]


def _stages(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise UserError(
            f"{path} is missing: it lists what a training depends on. Run in a checkout of the "
            "project"
        )
    stages: Mapping[str, Any] = YAML(typ="safe").load(path)["stages"]
    return stages


def _outputs(stage: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of a stage's outputs; DVC writes an output with settings as a mapping."""
    for output in stage.get("outs", []):
        yield output if isinstance(output, str) else next(iter(output))


def _value(params: Params, key: str) -> Any:
    """Return a section of the parameters, or a value by its dotted key."""
    value: Any = dataclasses.asdict(params)
    for part in key.split("."):
        value = value[part]
    return value


def _files(project_dir: Path, deps: Iterable[str]) -> Iterator[Path]:
    """Yield the files in `deps`, which are files and folders; without the caches of Python."""
    for dep in sorted(deps):
        path = project_dir / dep
        if path.is_dir():
            files = (each for each in sorted(path.rglob("*")) if each.is_file())
            yield from (each for each in files if "__pycache__" not in each.parts)
        elif path.is_file():
            yield path
        else:
            raise UserError(f"{path} is missing, which dvc.yaml lists; run `git status`")
