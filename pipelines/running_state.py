"""Where a training keeps what it needs to go on after an interruption.

DVC removes a stage's outputs before it runs the stage, so the running state lies outside them, in
a folder named by a fingerprint of all that the result is a function of: the same command finds it
again, and another data set, parameter or line of code does not.
"""

import dataclasses
import hashlib
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pix2pix
from pipelines.storage import Folder
from pix2pix.config import WHERE_IT_RUNS, Params

_TRAINING_CODE = ("config", "checkpoint.py", "data", "models", "training")
_STUDY_CODE = ("evaluation", "tuning")
RUN_FILE = "run.json"
CHECKPOINTS_FOLDER = "checkpoints"
SAMPLES_FOLDER = "samples"
NON_FINITE_FOLDER = "non_finite"  # batches with such a loss


@dataclass(frozen=True, slots=True)
class RunningState:
    """A training that was begun."""

    folder: Folder
    run_key: str  # of this training, also in MLflow; kept when it is continued
    started_s: float
    is_new: bool


def open_running_state(storage: Folder, params: Params, data_hash: str) -> RunningState:
    """The state of the training that `params` on this data would continue, or a new one.

    Raises OSError if the storage cannot be used.
    """
    return _open(storage / _fingerprint(_training(params), data_hash, _TRAINING_CODE))


def open_study_state(storage: Folder, params: Params, data_hash: str) -> RunningState:
    """The state of the study that `params` on this data would continue, or a new one.

    Raises OSError if the storage cannot be used.
    """
    sections = _training(params) | {"tune": dataclasses.asdict(params.tune)}
    fingerprint = _fingerprint(sections, data_hash, (*_TRAINING_CODE, *_STUDY_CODE))
    return _open(storage / f"tune-{fingerprint}")


def _open(folder: Folder) -> RunningState:
    if folder.has(RUN_FILE):
        found = json.loads(folder.read(RUN_FILE))
        return RunningState(folder, found["run_key"], found["started_s"], is_new=False)
    run_key, started_s = uuid.uuid4().hex, time.time()
    folder.write(RUN_FILE, json.dumps({"run_key": run_key, "started_s": started_s}).encode())
    return RunningState(folder, run_key, started_s, is_new=True)


def close_running_state(state: RunningState) -> None:
    """Forget a training whose result is safe."""
    state.folder.remove_all()


def _training(params: Params) -> dict[str, Any]:
    """The parameters that the result of a training is a function of."""
    sections: dict[str, Any] = {
        name: dataclasses.asdict(getattr(params, name)) for name in ("augment", "model")
    }
    train = dataclasses.asdict(params.train)
    sections["train"] = {key: value for key, value in train.items() if key not in WHERE_IT_RUNS}
    return sections


def _fingerprint(sections: dict[str, Any], data_hash: str, code: Iterable[str]) -> str:
    digest = hashlib.sha256(json.dumps([data_hash, sections], sort_keys=True).encode())
    root = Path(pix2pix.__file__).parent
    for path in _sources(root, code):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(root: Path, code: Iterable[str]) -> Iterable[Path]:
    for name in code:
        path = root / name
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))
