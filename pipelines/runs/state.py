"""Where a training keeps the state from which it continues after an interruption.

DVC removes a stage's outputs before it runs the stage, so this state is kept elsewhere: in a folder
named by a fingerprint of everything that the result depends on. The same command gets the same
folder; a command with other data, parameters or code, or another version of torch, gets another.
"""

import json
import time
import uuid
from dataclasses import dataclass

from pipelines.runs.fingerprint import stage_fingerprint
from pipelines.runs.folder import Folder
from pix2pix.config import Params

RUN_FILE = "run.json"
CHECKPOINTS_FOLDER = "checkpoints"
SAMPLES_FOLDER = "samples"
NON_FINITE_FOLDER = "non_finite"  # batches with such a loss


@dataclass(frozen=True, slots=True)
class RunningState:
    """A training or a study that has begun."""

    folder: Folder
    run_key: str  # identifies it, also in MLflow, and stays the same when it is continued
    started_s: float
    is_new: bool


def training_folder(
    storage: Folder, params: Params, data_hash: str, *, parent_sha256: str | None = None
) -> Folder:
    """Return the folder in which the training of `params` on this data keeps its state.

    `parent_sha256` is that of `stage_fingerprint`. Raises UserError if dvc.yaml is missing.
    """
    return storage / stage_fingerprint("train", params, data_hash, parent_sha256=parent_sha256)


def study_folder(
    storage: Folder, params: Params, data_hash: str, *, parent_sha256: str | None
) -> Folder:
    """Return the folder in which the study of `params` on this data keeps its state.

    `parent_sha256` is that of `stage_fingerprint`. Raises UserError if dvc.yaml is missing.
    """
    fingerprint = stage_fingerprint("tune", params, data_hash, parent_sha256=parent_sha256)
    return storage / f"tune-{fingerprint}"


def open_state(folder: Folder) -> RunningState:
    """Return the state of the training or study in its folder, or begin a new one.

    Raises OSError if the storage cannot be used.
    """
    if folder.has(RUN_FILE):
        state = json.loads(folder.read(RUN_FILE))
        return RunningState(folder, state["run_key"], state["started_s"], is_new=False)
    run_key, started_s = uuid.uuid4().hex, time.time()
    folder.write(RUN_FILE, json.dumps({"run_key": run_key, "started_s": started_s}).encode())
    return RunningState(folder, run_key, started_s, is_new=True)
