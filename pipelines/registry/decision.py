"""The decision about the champion after a registration: made once, kept in MLflow, and described.

The version's tags and description are for people. The same decision is an artifact of the run that
trained the version, so that a later `dvc repro` on any machine writes the same files.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.paths import METRICS_PATH, PREPARED_DIR
from pipelines.registry.comparison import Outcome, Verdict
from pipelines.registry.contenders import Contenders
from pipelines.registry.data_obstacle import data_obstacle
from pipelines.registry.decision_report import HEADING, decision_report, warning_of
from pipelines.registry.election import elect, is_decided, settle
from pipelines.registry.lookup import CHAMPION, aliases_of
from pipelines.registry.register import Registration
from pipelines.registry.rows import DEV_L1, Row, dev_rows, score_rows
from pipelines.tracking.run_file import read_run_json
from pix2pix.config import Params


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Whether a version has become the champion: the key `decision` of register.json."""

    outcome: Outcome
    reason: str
    is_new: bool  # False if it was made by an earlier registration, or the version was champion
    compared_with: str | None  # the champion before, or the version that was better
    rows: tuple[Row, ...]


def decide(client: MlflowClient, registration: Registration, params: Params) -> Decision:
    """Compare a registered version with the champion, which it becomes if it is better.

    A second call returns the first decision, unless the versions could not be compared. Raises
    UserError if a file of the stages before is missing.
    """
    version = client.get_model_version(registration.model, registration.version)
    recorded = _recorded(client, version)
    if recorded is not None:
        return recorded
    was_champion = aliases_of(client, version.name).get(CHAMPION) == registration.version
    verdict = _judge(client, version, params)
    decision = Decision(
        outcome=verdict.outcome,
        reason=verdict.reason,
        is_new=not was_champion,
        compared_with=verdict.opponent,
        rows=_rows(client, version, verdict),
    )
    client.log_dict(str(version.run_id), dataclasses.asdict(decision), _path(version).as_posix())
    _describe(client, version, decision)
    return decision


def _judge(client: MlflowClient, version: ModelVersion, params: Params) -> Verdict:
    obstacle = data_obstacle(params.data)
    if obstacle is not None:
        verdict = Verdict(outcome="not compared", reason=obstacle)
        settle(client, version, verdict)
        return verdict
    contenders = Contenders(client, PREPARED_DIR, params.register, group=params.data.group)
    return elect(client, version, contenders.judge)


def _recorded(client: MlflowClient, version: ModelVersion) -> Decision | None:
    """The decision of an earlier registration; None if there is none that is final."""
    if not is_decided(version):
        return None
    content: Any = read_run_json(client, str(version.run_id), _path(version))
    if content is None:
        return None
    rows = tuple(Row(**row) for row in content["rows"])
    return Decision(**content | {"is_new": False, "rows": rows})


def _path(version: ModelVersion) -> Path:
    """The artifact of the decision; a run may have several versions."""
    return Path("register") / version.name / f"{version.version}.json"


def _rows(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> tuple[Row, ...]:
    other = None
    if verdict.opponent is not None:
        opponent = client.get_model_version(version.name, verdict.opponent)
        other = read_run_json(client, str(opponent.run_id), METRICS_PATH)
    own = read_run_json(client, str(version.run_id), METRICS_PATH)
    recorded_l1 = float(version.tags[DEV_L1])
    return dev_rows(verdict, recorded_l1=recorded_l1) + score_rows(own, other)


def _describe(client: MlflowClient, version: ModelVersion, decision: Decision) -> None:
    """Put the report behind the description of the version, in place of an earlier report."""
    before = (version.description or "").partition(f"\n{HEADING}")[0]
    warning = warning_of(read_run_json(client, str(version.run_id), METRICS_PATH))
    report = decision_report(
        version.name, str(version.version), dataclasses.asdict(decision), warning=warning
    )
    client.update_model_version(version.name, str(version.version), f"{before}\n{report}")
