"""Find the champion among the versions of a model, while others may do the same.

MLflow sets an alias whoever has it, so a registration may overwrite a better champion that another
one has set a moment before. The order of the steps corrects that:

1. A registration announces its version (tag `waiting`), before it reads anything.
2. It reads the champion and the candidates: all versions that wait or were promoted.
3. It gives the alias to the best of them.
4. It reads again, and begins anew if there is a version that it has not compared.

Of two registrations, the one that sets the alias last reads again afterwards. By then the other one
has announced its version or promoted it, so the last one compares it, whichever was slower. If a
registration is killed before step 4, the next one of any version sees the same candidates.
"""

import logging
from collections.abc import Callable

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.champion import (
    NOT_COMPARED,
    PROMOTED,
    WAITING,
    Field,
    forget_promotion,
    mark_replaced,
    read_field,
    set_champion,
    set_status,
    status,
)
from pipelines.registry.comparison import Verdict
from pipelines.registry.lookup import label

Judge = Callable[[ModelVersion, ModelVersion | None], Verdict]

logger = logging.getLogger(__name__)


def is_decided(version: ModelVersion) -> bool:
    """Whether the version needs no comparison any more."""
    return bool(status(version)) and not status(version).startswith((WAITING, NOT_COMPARED))


def elect(client: MlflowClient, version: ModelVersion, judge: Judge) -> Verdict:
    """Compare a version with the champion and with all that wait; the best becomes the champion.

    `judge` compares a version with the champion (None if there is none). Returns the verdict on
    `version`, which is also in its tag.
    """
    name, own = version.name, str(version.version)
    if not status(version).startswith(PROMOTED):
        set_status(client, name, own, f"{WAITING} to be compared with the champion")
    verdicts: dict[str, Verdict] = {}
    compared: set[str] = set()
    while unknown := (field := read_field(client, name)).contenders(own) - compared:
        compared |= unknown
        winner = _best_of(field, own, judge, verdicts)
        _make_champion(client, field, winner, verdicts)
    # Not compared here: it was the champion before.
    champion = Verdict(outcome="promoted", reason=f"version {own} is the champion already")
    verdict = verdicts.get(own, champion)
    settle(client, field.versions[own], verdict)
    return verdict


def settle(client: MlflowClient, version: ModelVersion, verdict: Verdict) -> None:
    """Write the verdict to the version's tag, unless it was written with the alias."""
    is_champion = verdict.outcome == PROMOTED
    if not is_champion or status(version).startswith(WAITING):
        text = f"{verdict.outcome}: {verdict.reason}"
        set_status(client, version.name, str(version.version), text)
    if not is_champion:
        forget_promotion(client, version)


def _best_of(field: Field, own: str, judge: Judge, verdicts: dict[str, Verdict]) -> str | None:
    """The best version: the others challenge the champion one after another, oldest first.

    This is the result of registrations one after another. Adds the verdict on each version that
    was compared to `verdicts`.
    """
    best = field.champion
    for number in sorted(field.contenders(own) - {field.champion}, key=int):
        challenger = field.versions[number]
        verdict = judge(challenger, None if best is None else field.versions[best])
        verdicts[number] = verdict
        if number != own:  # which the caller tells of
            logger.info("%s: %s, %s", label(challenger), verdict.outcome, verdict.reason)
        if verdict.outcome == PROMOTED:
            if best is not None:
                verdicts[best] = judge(field.versions[best], challenger)
            best = number
    return best


def _make_champion(
    client: MlflowClient, field: Field, winner: str | None, verdicts: dict[str, Verdict]
) -> None:
    """Give the winner the alias if it has not got it, and mark those that lose it."""
    if winner is None:
        return
    name = field.versions[winner].name
    if winner != field.champion:
        set_champion(client, field, winner, f"{PROMOTED}: {verdicts[winner].reason}")
    for number in {field.champion, *field.candidates} - {winner, None}:
        assert number is not None
        if number == field.champion or status(field.versions[number]).startswith(PROMOTED):
            mark_replaced(client, name, number, by=winner)
