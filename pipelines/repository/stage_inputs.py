"""What dvc.yaml lists for a stage, and whether it has changed while the stage ran.

DVC takes the hashes of parameters and code when a stage has ended. Without this check, dvc.lock
would name the values of then for a result that was made with those of the beginning, and DVC would
take that result for up to date. A stage that fails is not recorded.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from pipelines.repository.params_file import PARAMS_FILE, Changes, changed_values
from pix2pix.config import Params, load_params
from pix2pix.errors import UserError
from pix2pix.files import sha256_of_file

_DVC_YAML = Path("dvc.yaml")


class StageInputs(NamedTuple):
    """What a stage that DVC runs has begun with."""

    stage: str
    params: Params
    code: Mapping[str, str]  # path to SHA-256


def read_inputs(stage: str, params: Params) -> StageInputs | None:
    """Return what `stage` begins with; None if DVC does not run it, and so records nothing."""
    if "DVC_STAGE" not in os.environ:
        return None
    return StageInputs(stage, params, _code_hashes(stage))


def refuse_changes(inputs: StageInputs | None, *, kept: str = "") -> None:
    """Raise UserError if parameters or code of the stage are others than at its beginning.

    Call it when the outputs are written, as the last step. Sections that dvc.yaml does not list for
    the stage may change. `kept` is a sentence about what the next run can use.
    """
    if inputs is None:
        return
    listed = read_stages(_DVC_YAML)[inputs.stage]["params"]
    changes = _of_keys(changed_values(inputs.params, load_params(Path(PARAMS_FILE))), listed)
    changed = [f"{key} ({old} -> {new})" for key, (old, new) in changes.items()]
    code = _code_hashes(inputs.stage)
    paths = sorted(inputs.code.keys() | code.keys())
    changed += [path for path in paths if inputs.code.get(path) != code.get(path)]
    if changed:
        raise UserError(
            f"changed while the stage {inputs.stage} ran: {', '.join(changed)}. Its result is that "
            "of the earlier values, and DVC would record it as that of the new ones, so nothing is "
            f"recorded. Run the same command again{kept and f'. {kept}'}"
        )


def read_stages(path: Path) -> Mapping[str, Any]:
    """Return the stages of a dvc.yaml by name. Raises UserError if the file is missing."""
    if not path.is_file():
        raise UserError(
            f"{path} is missing: it lists what a training depends on. Run in a checkout of the "
            "project"
        )
    stages: Mapping[str, Any] = YAML(typ="safe").load(path)["stages"]
    return stages


def code_files(project_dir: Path, stages: Mapping[str, Any], stage: str) -> Iterator[Path]:
    """Yield the files of code that dvc.yaml lists for a stage; without the caches of Python.

    Raises UserError if one is missing.
    """
    made = {path for each in stages.values() for path in _outputs(each)}
    # `${...}` is DVC's way to name a parameter: here the folder of the user's pairs.
    deps = [dep for dep in stages[stage]["deps"] if dep not in made and not dep.startswith("${")]
    for dep in sorted(deps):
        path = project_dir / dep
        if path.is_dir():
            files = (each for each in sorted(path.rglob("*")) if each.is_file())
            yield from (each for each in files if "__pycache__" not in each.parts)
        elif path.is_file():
            yield path
        else:
            raise UserError(f"{path} is missing, which dvc.yaml lists; run `git status`")


def _outputs(stage: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of a stage's outputs; DVC writes an output with settings as a mapping."""
    for output in stage.get("outs", []):
        yield output if isinstance(output, str) else next(iter(output))


def _code_hashes(stage: str) -> dict[str, str]:
    files = code_files(Path(), read_stages(_DVC_YAML), stage)
    return {path.as_posix(): sha256_of_file(path) for path in files}


def _of_keys(changes: Changes, listed: Iterable[str]) -> Changes:
    """Return the changes of the listed parameters, which may be sections."""
    return {
        key: values
        for key, values in changes.items()
        if any(key == name or key.startswith(f"{name}.") for name in listed)
    }
