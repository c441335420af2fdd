"""Compares the registered model with the champion, and makes it the champion if it is better.

After `register`. Both are judged by L1 on the dev split of this data; a champion that was trained
on other data is scored on it anew.
"""

import json
import logging
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipelines.entrypoint import read_json, run, write_json
from pipelines.evaluation.dev_score import dev_l1
from pipelines.evaluation.model_content import content_hash
from pipelines.evaluation.model_fit import check_trained_on, misfit
from pipelines.paths import CHAMPION_PATH, METRICS_PATH, MODEL_DIR, PREPARED_DIR
from pipelines.registry.comparison import DEV_L1, Contender, Row, judge, side_by_side
from pipelines.registry.lookup import (
    CHAMPION,
    champion_of,
    connected,
    label,
    registered_version,
)
from pipelines.registry.model_files import downloaded
from pipelines.registry.register import CONTENT_TAG
from pipelines.tracking.uri import tracking_uri
from pix2pix.checkpoint import ModelCard, load_card
from pix2pix.data.manifest import load_manifest
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """All of champion.json."""

    model: str
    version: str  # the challenger
    run_id: str
    champion_version: str | None  # before the comparison
    is_promoted: bool  # by this comparison, which may be repeated
    is_rescored: bool
    reason: str
    rows: tuple[Row, ...]


def promote_if_better(
    client: MlflowClient, *, model_dir: Path, prepared_dir: Path, metrics: Any
) -> Verdict:
    """Compare the registered version of `model_dir` with the champion and set the alias.

    `metrics` is the challenger's metrics.json. A second call finds the champion in place. Raises
    ValueError if the files are not those of one training, or the champion's are damaged.
    """
    version, card = _registered(client, model_dir, prepared_dir), load_card(model_dir)
    challenger = Contender(version=str(version.version), dev_l1=card.dev[DEV_L1], metrics=metrics)
    held = champion_of(client, version.name)
    champion = None if held is None else _contender(client, held, card, prepared_dir=prepared_dir)
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
    """The version of `model_dir`. Raises UserError if it is not registered, or of other data."""
    version = registered_version(client)
    check_trained_on(model_dir, prepared_dir)
    if version.tags.get(CONTENT_TAG) != content_hash(model_dir):
        raise UserError(f"{model_dir} is not {label(version)}; run `dvc repro register`")
    return version


def _contender(
    client: MlflowClient, version: ModelVersion, challenger: ModelCard, *, prepared_dir: Path
) -> Contender:
    """The champion, scored anew unless its training did it on this data by the same metrics."""
    number, metrics = str(version.version), _recorded_metrics(client, str(version.run_id))
    with downloaded(client, version) as model_dir:
        card = load_card(model_dir)
        # The hash stands for the pixels, their size, the direction and the split.
        if (card.data_hash, card.dev.keys()) == (challenger.data_hash, challenger.dev.keys()):
            return Contender(version=number, dev_l1=card.dev[DEV_L1], metrics=metrics)
        obstacle = misfit(card, load_manifest(prepared_dir))
        if obstacle is not None:
            return Contender(version=number, dev_l1=None, obstacle=obstacle, metrics=metrics)
        logger.info("%s is scored on the dev split of this data", label(version))
        l1 = dev_l1(model_dir, prepared_dir)
    return Contender(version=number, dev_l1=l1, is_rescored=True, metrics=metrics)


def _recorded_metrics(client: MlflowClient, run_id: str) -> Any:
    """metrics.json of the run's last evaluation; empty where the run, or the file, is gone."""
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


def _is_promotion_of(verdict: Verdict) -> bool:
    """Whether champion.json tells of the promotion after which this verdict found nothing to do.

    Who calls again, because something after the first call failed, is to read of the promotion.
    """
    if verdict.champion_version != verdict.version or not CHAMPION_PATH.is_file():
        return False
    told = json.loads(CHAMPION_PATH.read_text(encoding="utf-8"))
    return (told["is_promoted"], told["run_id"], told["version"]) == (
        True,
        verdict.run_id,
        verdict.version,
    )


def main() -> None:
    """Read what the pipeline wrote, write reports/champion.json."""
    metrics = read_json(METRICS_PATH, made_by="evaluate")
    with connected(tracking_uri()) as client:
        verdict = promote_if_better(
            client, model_dir=MODEL_DIR, prepared_dir=PREPARED_DIR, metrics=metrics
        )
    if _is_promotion_of(verdict):
        logger.info("%s: %s", CHAMPION_PATH, verdict.reason)
        return
    write_json(CHAMPION_PATH, asdict(verdict))
    outcome = "is the champion now" if verdict.is_promoted else "was not promoted"
    logger.info("%s version %s %s: %s", verdict.model, verdict.version, outcome, verdict.reason)


if __name__ == "__main__":
    run(main)
