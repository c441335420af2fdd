"""The networks that a version's training started from, from DVC, or from where they were read."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.entrypoint import may_pass
from pipelines.paths import PARENT_PATH
from pipelines.processes.shell import Shell
from pipelines.reproduction.params import write_params
from pipelines.reproduction.recorded_outputs import take, write_lock
from pipelines.reproduction.stages import run_stage
from pix2pix.errors import UserError
from pix2pix.parent import model_sha256
from pix2pix.parent_record import ParentRecord

PARENT_STAGE = "parent"

logger = logging.getLogger(__name__)


def bring_parent(
    shell: Shell,
    recorded: ParentRecord,
    *,
    outputs: Mapping[str, str],
    params: Mapping[str, Any],
    project_dir: Path,
) -> str:
    """Make `data/parent.safetensors` in the workspace; return in words what it is and whence.

    DVC's cache or remote has the file of the training itself. Where it is not there any more, the
    stage `parent` reads again what `train.init_from` names. `outputs` are the recorded MD5 hashes,
    `params` is the content of the workspace's params.yaml, `project_dir` the user's project. Raises
    UserError if the networks of the training cannot be had.
    """
    (shell.folder / PARENT_PATH).unlink(missing_ok=True)  # of an interrupted reproduction
    write_lock(shell.folder, outputs)
    try:
        take(shell, PARENT_PATH.as_posix())
        check_parent(shell.folder, recorded)
    except UserError as error:
        reason = str(error)
    else:
        return f"{recorded.summary}; taken from DVC"
    try:
        _read_again(shell, params, project_dir)
        check_parent(shell.folder, recorded)
    except UserError as error:
        if may_pass(error):
            raise
        raise UserError(
            f"the networks that its training started from, {recorded.summary}, cannot be had.\n"
            f"From DVC: {reason}\nFrom train.init_from: {error}"
        ) from None
    logger.warning("the parent was read again, because it could not be had from DVC: %s", reason)
    return f"{recorded.summary}; read again from there"


def check_parent(project_dir: Path, recorded: ParentRecord) -> None:
    """Raise UserError if the parent's networks are not those that were recorded."""
    found = model_sha256(project_dir / PARENT_PATH)
    if found != recorded.model_sha256:
        raise UserError(
            f"{recorded.reference} is another model now: it has the SHA-256 {found}, but the "
            f"version was trained from one with the SHA-256 {recorded.model_sha256}"
        )


def _read_again(shell: Shell, params: Mapping[str, Any], project_dir: Path) -> None:
    """Run the stage `parent`; a relative path that the checkout does not have is the user's."""
    reference = params["train"]["init_from"]
    is_path = not reference.startswith("models:/")
    if is_path and not (shell.folder / reference).exists():
        found = str((project_dir / reference).resolve())
        write_params(shell.folder, {**params, "train": {**params["train"], "init_from": found}})
    run_stage(shell, PARENT_STAGE)
