"""What `dvc.lock` says of the stages that lead to a model: the content of each output, as MD5.

It describes the last `dvc repro` of each stage, which need not be what lies in the folder: a stage
may have been run by hand, or `prepare` again and `train` not. Therefore the hashes of a model's
origin are followed from the files themselves, from each stage to the one before it.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.paths import METRICS_PATH, MODEL_DIR, PREPARED_DIR, RAW_DIR, TRAIN_PATH

LOCK_PATH = Path("dvc.lock")

_BEFORE_TRAINING = (("prepare", PREPARED_DIR), ("ingest", RAW_DIR))  # nearest first

logger = logging.getLogger(__name__)


def model_lineage(project_dir: Path) -> dict[str, str]:
    """MD5 of each output that led to the model and its scores, by path.

    Only what belongs to the training that reports/train.json is of. Empty where no lock is: the
    stages were run by hand. A lock of another training is said to be one, and is not used.
    """
    stages = _stages(project_dir)
    train = stages.get("train", {})
    made = _hashes(train, "outs")
    if not train or not _is_of(made, TRAIN_PATH, project_dir):
        if train:
            logger.warning(
                "%s is of another training than %s; its hashes are not recorded",
                LOCK_PATH,
                TRAIN_PATH,
            )
        return {}
    return {**_before(stages, train), **made, **_scores(stages, made, project_dir)}


def _before(stages: Mapping[str, Any], train: Mapping[str, Any]) -> dict[str, str]:
    """What `train` was made of: each stage's outputs as long as the next one has used them."""
    found: dict[str, str] = {}
    user = train
    for name, path in _BEFORE_TRAINING:
        used = _hashes(user, "deps").get(path.as_posix())
        if used is None:
            return found
        maker = stages.get(name, {})
        if _hashes(maker, "outs").get(path.as_posix()) != used:
            return {path.as_posix(): used, **found}  # it was made anew since
        found = {**_hashes(maker, "outs"), **found}
        user = maker
    return found


def _scores(
    stages: Mapping[str, Any], made: Mapping[str, str], project_dir: Path
) -> dict[str, str]:
    """The outputs of `evaluate`, if it has scored this model and they are those that are here."""
    evaluate = stages.get("evaluate", {})
    scored = _hashes(evaluate, "deps").get(MODEL_DIR.as_posix())
    outputs = _hashes(evaluate, "outs")
    is_same = scored is not None and scored == made.get(MODEL_DIR.as_posix())
    return outputs if is_same and _is_of(outputs, METRICS_PATH, project_dir) else {}


def _is_of(hashes: Mapping[str, str], path: Path, project_dir: Path) -> bool:
    """Whether `hashes` has the file as it is now."""
    file = project_dir / path
    return file.is_file() and hashes.get(path.as_posix()) == _md5(file)


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def _hashes(stage: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {item["path"]: item["md5"] for item in stage.get(kind, []) if "md5" in item}


def _stages(project_dir: Path) -> dict[str, Any]:
    path = project_dir / LOCK_PATH
    if not path.is_file():
        return {}
    stages: dict[str, Any] = (YAML(typ="safe").load(path) or {}).get("stages", {})
    return stages
