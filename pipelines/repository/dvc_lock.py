"""The MD5 hashes of the outputs that led to a model, as `dvc.lock` records them.

`dvc.lock` describes the last `dvc repro` of each stage. The files in the folder may be others: a
stage may have been run by hand, or `prepare` may have run again without `train`. Therefore this
module starts from the files of the training and goes back from each stage to the one before it, as
long as the hashes agree.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipelines.paths import (
    METRICS_PATH,
    MODEL_DIR,
    PARENT_PATH,
    PREPARED_DIR,
    RAW_DIR,
    TRAIN_PATH,
)

LOCK_PATH = Path("dvc.lock")

# The stages before `train`, with the output that the next stage uses; nearest first.
_DATA_STAGES = (("prepare", PREPARED_DIR), ("ingest", RAW_DIR))
_PARENT_STAGES = (("parent", PARENT_PATH),)

logger = logging.getLogger(__name__)


def model_lineage(project_dir: Path) -> dict[str, str]:
    """Return the MD5 of each output that led to the model and its scores, by path.

    These are only the hashes that belong to the training of reports/train.json. The result is empty
    if there is no dvc.lock, because the stages were run by hand. If dvc.lock belongs to another
    training, a warning says so, and the result is empty as well.
    """
    stages = _stages(project_dir)
    train = stages.get("train", {})
    made = _hashes(train, "outs")
    if not train or not _has_current_hash(made, TRAIN_PATH, project_dir):
        if train:
            logger.warning(
                "%s is of another training than %s; its hashes are not recorded",
                LOCK_PATH,
                TRAIN_PATH,
            )
        return {}
    return {
        **_outputs_before(train, _DATA_STAGES, stages),
        **_outputs_before(train, _PARENT_STAGES, stages),
        **made,
        **_outputs_of_evaluate(stages, made, project_dir),
    }


def _outputs_before(
    train: Mapping[str, Any], chain: Sequence[tuple[str, Path]], stages: Mapping[str, Any]
) -> dict[str, str]:
    """Return the outputs of `chain` that `train` used, as far as dvc.lock has their stages."""
    hashes: dict[str, str] = {}
    user = train
    for name, path in chain:
        used = _hashes(user, "deps").get(path.as_posix())
        if used is None:
            return hashes
        maker = stages.get(name, {})
        if _hashes(maker, "outs").get(path.as_posix()) != used:
            return {path.as_posix(): used, **hashes}  # the stage has run again since
        hashes = {**_hashes(maker, "outs"), **hashes}
        user = maker
    return hashes


def _outputs_of_evaluate(
    stages: Mapping[str, Any], made: Mapping[str, str], project_dir: Path
) -> dict[str, str]:
    """Return the outputs of `evaluate`, if it scored this model and the files have not changed."""
    evaluate = stages.get("evaluate", {})
    scored = _hashes(evaluate, "deps").get(MODEL_DIR.as_posix())
    outputs = _hashes(evaluate, "outs")
    is_same = scored is not None and scored == made.get(MODEL_DIR.as_posix())
    return outputs if is_same and _has_current_hash(outputs, METRICS_PATH, project_dir) else {}


def _has_current_hash(hashes: Mapping[str, str], path: Path, project_dir: Path) -> bool:
    """Return whether `hashes` contains the hash of the file as it is now."""
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
