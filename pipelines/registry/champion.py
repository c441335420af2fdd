"""Compare the registered model with the champion, and promote it to champion if it is better.

The models are compared by L1 on the dev split of the prepared
data; a champion that was trained on other data is scored on this dev split first.
"""

import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipelines.evaluation.dev_score import dev_l1
from pipelines.evaluation.model_content import content_hash
from pipelines.evaluation.model_fit import check_trained_on, misfit
from pipelines.paths import METRICS_PATH
from pipelines.registry.comparison import DEV_L1, Contender, Row, judge, side_by_side
from pipelines.registry.lookup import (
    CHAMPION,
    champion_of,
    label,
    registered_version,
)
from pipelines.registry.model_files import downloaded
from pipelines.registry.register import CONTENT_TAG
from pix2pix.checkpoint import ModelCard, load_card
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The content of reports/champion.json, which `pix2pix promote` writes."""

    model: str
    version: str  # of the challenger, which was registered last
    run_id: str  # of the challenger
    champion_version: str | None  # before the comparison
    is_promoted: bool  # whether this comparison made the challenger the champion
    is_rescored: bool  # whether the champion was scored on the dev split of this data
    reason: str
    rows: tuple[Row, ...]


def promote_if_better(
    client: MlflowClient, *, model_dir: Path, prepared_dir: Path, metrics: Any
) -> Verdict:
    """Compare the registered version of `model_dir` with the champion, and promote it if better.

    `metrics` is the challenger's metrics.json. A second call changes nothing. Raises UserError if
    the files are not those of one training, or if the champion's files are damaged.
    """
    version, card = _registered(client, model_dir, prepared_dir), load_card(model_dir)
    challenger = Contender(version=str(version.version), dev_l1=card.dev[DEV_L1], metrics=metrics)
    current = champion_of(client, version.name)
    champion = (
        None if current is None else _contender(client, current, card, prepared_dir=prepared_dir)
    )
    judgement = judge(challenger, champion)
    if judgement.is_promoted:
        client.set_registered_model_alias(version.name, CHAMPION, challenger.version)
    return Verdict(
        model=version.name,
        version=challenger.version,
        run_id=str(version.run_id),
        champion_version=None if champion is None else champion.version,
        is_promoted=judgement.is_promoted,
        is_rescored=champion is not None and champion.is_rescored,
        reason=judgement.reason,
        rows=side_by_side(challenger, champion),
    )


def _registered(client: MlflowClient, model_dir: Path, prepared_dir: Path) -> ModelVersion:
    """The registered version of the model in `model_dir`.

    Raises UserError if that model is not registered, or was trained on other data.
    """
    version = registered_version(client)
    check_trained_on(model_dir, prepared_dir)
    if version.tags.get(CONTENT_TAG) != content_hash(model_dir):
        raise UserError(f"{model_dir} is not {label(version)}; run `dvc repro register`")
    return version


def _contender(
    client: MlflowClient, version: ModelVersion, challenger: ModelCard, *, prepared_dir: Path
) -> Contender:
    """The champion with its dev L1 on this data.

    It is scored now, unless its own training has computed the same metrics on the same data.
    """
    number, metrics = str(version.version), _recorded_metrics(client, str(version.run_id))
    with downloaded(client, version) as model_dir:
        card = load_card(model_dir)
        # The hash covers the pixels, their size, the direction and the splits.
        if (card.data_hash, card.dev.keys()) == (challenger.data_hash, challenger.dev.keys()):
            return Contender(version=number, dev_l1=card.dev[DEV_L1], metrics=metrics)
        obstacle = misfit(card, load_manifest(prepared_dir))
        if obstacle is not None:
            return Contender(version=number, dev_l1=None, obstacle=obstacle, metrics=metrics)
        logger.info("%s is scored on the dev split of this data", label(version))
        l1 = dev_l1(model_dir, prepared_dir)
    return Contender(version=number, dev_l1=l1, is_rescored=True, metrics=metrics)


def _recorded_metrics(client: MlflowClient, run_id: str) -> Any:
    """The metrics.json of a run; empty if the run or the file does not exist any more."""
    try:
        listed = client.list_artifacts(run_id, METRICS_PATH.parent.as_posix())
    except MlflowException as error:
        if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            raise
        return {}
    if METRICS_PATH.as_posix() not in {item.path for item in listed}:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run_id, METRICS_PATH.as_posix(), folder)
        return json.loads(Path(path).read_text(encoding="utf-8"))
