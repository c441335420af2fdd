"""One short text that identifies everything that the result of a stage depends on.

`dvc.yaml` lists the code and the parameters. DVC runs the stage again if one of them has changed,
and a training continues from its checkpoints only if none has. The version of torch counts as well,
because another version may compute other numbers.
"""

import dataclasses
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pipelines
from pipelines.repository.stage_inputs import code_files, read_stages
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
    stages = read_stages(project_dir / "dvc.yaml")
    if stage not in stages:
        raise UserError(f"{project_dir / 'dvc.yaml'} has no stage {stage!r}")
    values = {key: _value(params, key) for key in stages[stage]["params"]}
    about = [data_hash, version("torch"), values]
    about += [] if parent_sha256 is None else [parent_sha256]
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for path in code_files(project_dir, stages, stage):
        content = sha256_of_file(path)
        digest.update(f"{path.relative_to(project_dir).as_posix()}\0{content}\n".encode())
    return digest.hexdigest()[:_CHARACTERS]


def _value(params: Params, key: str) -> Any:
    """Return a section of the parameters, or a value by its dotted key."""
    value: Any = dataclasses.asdict(params)
    for part in key.split("."):
        value = value[part]
    return value
