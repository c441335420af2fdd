"""`pix2pix promote`: compare the model registered last with the champion."""

import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from pipelines.entrypoint import read_json, write_json
from pipelines.paths import CHAMPION_PATH, METRICS_PATH, MODEL_DIR, PREPARED_DIR

if TYPE_CHECKING:
    from pipelines.registry.champion import Verdict

logger = logging.getLogger(__name__)


def promote() -> None:
    """Make the newest model the champion if it is better.

    The newest model is the one that the last `dvc repro register` has registered; the champion is
    the version with the alias `champion` in MLflow. Both are compared by L1 on the dev pairs of
    data/prepared. The result is written to reports/champion.json.

    For example: pix2pix promote
    """
    from pipelines.registry.champion import promote_if_better
    from pipelines.tracking.connection import connected
    from pipelines.tracking.uri import tracking_uri

    metrics = read_json(METRICS_PATH, made_by="evaluate")
    with connected(tracking_uri()) as client:
        verdict = promote_if_better(
            client, model_dir=MODEL_DIR, prepared_dir=PREPARED_DIR, metrics=metrics
        )
    if _is_promotion_recorded(verdict):
        logger.info("%s: %s", CHAMPION_PATH, verdict.reason)
        return
    write_json(CHAMPION_PATH, asdict(verdict))
    outcome = "is the champion now" if verdict.is_promoted else "was not promoted"
    logger.info("%s version %s %s: %s", verdict.model, verdict.version, outcome, verdict.reason)


def _is_promotion_recorded(verdict: "Verdict") -> bool:
    """Whether champion.json already records that this version was promoted.

    If a step after the comparison fails, the flow compares again. The version is then the champion
    already, and the first verdict, which tells of the promotion, must not be overwritten.
    """
    if verdict.champion_version != verdict.version or not CHAMPION_PATH.is_file():
        return False
    recorded = json.loads(CHAMPION_PATH.read_text(encoding="utf-8"))
    return (recorded["is_promoted"], recorded["run_id"], recorded["version"]) == (
        True,
        verdict.run_id,
        verdict.version,
    )
