"""The lineage of a model version: all that is needed to train it again, and to compare the result.

It is one artifact of the run that trained the version, written when the version is registered.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from pydantic import ConfigDict, TypeAdapter

from pipelines.registry.lookup import label
from pipelines.tracking.finished_run import read_finished_run
from pipelines.tracking.run_file import read_run_json
from pipelines.tracking.train_record import TrainRecord
from pix2pix.config.validation_text import checked_json
from pix2pix.errors import UserError
from pix2pix.weights import WeightsHash, weights_hashes

LINEAGE_PATH = Path("provenance/lineage.json")  # among the artifacts of the run

_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """All of lineage.json."""

    __pydantic_config__ = ConfigDict(strict=True)

    format: int
    training: TrainRecord  # commit, patch, packages, parameters, data, machines
    outputs: Mapping[str, str]  # MD5 by path, as in dvc.lock; none if DVC did not run the stages
    weights: Mapping[str, WeightsHash]  # by file of the model folder
    scores: Mapping[str, float]  # test/<metric> and test/baseline_<name>/<metric>


_LINEAGE = TypeAdapter(Lineage)


def project_lineage(project_dir: Path, model_dir: Path) -> Lineage:
    """Return the lineage of the model in `model_dir`, which the project's reports describe.

    Raises UserError if a file of the stages is missing.
    """
    finished = read_finished_run(project_dir)
    return Lineage(
        format=_FORMAT,
        training=finished.training,
        outputs=finished.outputs,
        weights=weights_hashes(model_dir),
        scores=finished.scores,
    )


def log_lineage(client: MlflowClient, run_id: str, lineage: Lineage) -> None:
    """Write the artifact, unless the run has it with this content."""
    content = json.loads(json.dumps(dataclasses.asdict(lineage)))  # lists in place of tuples
    if read_run_json(client, run_id, LINEAGE_PATH) != content:
        client.log_dict(run_id, content, LINEAGE_PATH.as_posix())


def read_lineage(client: MlflowClient, version: ModelVersion) -> Lineage:
    """Return the lineage of a version.

    Raises UserError if none was recorded, or if it cannot be read.
    """
    content = read_run_json(client, str(version.run_id), LINEAGE_PATH)
    if content is None:
        raise UserError(
            f"{label(version)} has no {LINEAGE_PATH} in its MLflow run {version.run_id}: it was "
            "registered before lineages were recorded, or its run or the run's files were deleted"
        )
    lineage = checked_json(
        _LINEAGE,
        json.dumps(content),  # strict, yet maps become dataclasses
        refusal=f"{label(version)}: {LINEAGE_PATH} in its MLflow run {version.run_id} is damaged "
        "or of another version of this program",
        remedy="use the version of this program that registered it",
    )
    if lineage.format != _FORMAT:
        raise UserError(
            f"{label(version)}: {LINEAGE_PATH} has the format {lineage.format}; this program "
            f"reads format {_FORMAT}"
        )
    return lineage
