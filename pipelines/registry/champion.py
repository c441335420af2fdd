"""The champion of a registered model in MLflow: an alias, and tags that a person reads.

The version with the alias `champion` is the champion. Two tags say how it came to that:

* `pix2pix.champion` says in words what became of the version. Its first words are one of the
  constants below, and programs read them.
* `pix2pix.champion_since` is the time when the version became the champion. The champions in the
  order of these times are the history that `roll_back` goes back in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from pipelines.registry.lookup import CHAMPION, aliases_of, find_version, label
from pipelines.registry.model_files import refuse_missing_files
from pix2pix.errors import UserError

CHAMPION_TAG = "pix2pix.champion"
SINCE_TAG = "pix2pix.champion_since"

WAITING = "waiting"
PROMOTED = "promoted"  # also by hand
NOT_COMPARED = "not compared"
_REPLACED = "replaced"
_TAKEN_BACK = "taken back"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """The versions of a model among which the champion is to be found, by number."""

    champion: str | None
    candidates: frozenset[str]  # without the champion
    versions: dict[str, ModelVersion]  # all

    def contenders(self, own: str) -> set[str]:
        """All versions to be compared where `own` is registered."""
        return {own, *self.candidates, *([] if self.champion is None else [self.champion])}


def read_field(client: MlflowClient, name: str) -> Field:
    """The champion, and the versions that wait or were promoted without losing the alias since.

    Usually no version waits, and only the champion was promoted. Others are there while several
    registrations are under way, or if one of them was killed.
    """
    champion = aliases_of(client, name).get(CHAMPION)
    versions = {
        str(version.version): version
        for version in client.search_model_versions(f"name = '{name}'")
    }
    candidates = {
        number
        for number, version in versions.items()
        if number != champion and status(version).startswith((WAITING, PROMOTED))
    }
    return Field(champion=champion, candidates=frozenset(candidates), versions=versions)


def status(version: ModelVersion) -> str:
    """What the tag says became of the version; empty if it was never compared."""
    return str(version.tags.get(CHAMPION_TAG, ""))


def set_status(client: MlflowClient, name: str, number: str, text: str) -> None:
    """Say in words what became of a version; `text` begins with one of the constants."""
    client.set_model_version_tag(name, number, CHAMPION_TAG, text)


def set_champion(client: MlflowClient, field: Field, number: str, text: str) -> None:
    """Give a version the alias, and say in its tag why; the champion before was `field.champion`.

    The tag comes first: if this process is killed in between, the next registration sees that the
    version was promoted and considers it again.
    """
    name, before = field.versions[number].name, field.champion
    if before is not None and SINCE_TAG not in field.versions[before].tags:
        _set_since(client, name, before)  # the alias was given to it in MLflow itself
    set_status(client, name, number, text)
    client.set_registered_model_alias(name, CHAMPION, number)
    _set_since(client, name, number)


def mark_replaced(client: MlflowClient, name: str, number: str, *, by: str) -> None:
    """Say that a version was the champion, and which version took its place."""
    set_status(client, name, number, f"{_REPLACED} by version {by}")


def forget_promotion(client: MlflowClient, version: ModelVersion) -> None:
    """Remove a version from the history of champions; nothing happens if it is not there."""
    if SINCE_TAG in client.get_model_version(version.name, str(version.version)).tags:
        client.delete_model_version_tag(version.name, str(version.version), SINCE_TAG)


def _set_since(client: MlflowClient, name: str, number: str) -> None:
    now = datetime.now(UTC).isoformat(sep=" ", timespec="milliseconds")
    client.set_model_version_tag(name, number, SINCE_TAG, now)


def promote(client: MlflowClient, reference: str) -> str:
    """Make the version that `reference` names the champion; return what was done as a sentence.

    Raises UserError if there is no such version, or its files are gone.
    """
    version = find_version(client, reference)
    name, number = version.name, str(version.version)
    field = read_field(client, name)
    before = field.champion
    if before == number:
        return f"{label(version)} is the champion already"
    _refuse_without_files(client, version)
    instead = "there was no champion" if before is None else f"in place of version {before}"
    set_champion(client, field, number, f"{PROMOTED} by hand, {instead}")
    if before is not None:
        mark_replaced(client, name, before, by=f"{number}, by hand")
    return f"{label(version)} is the champion now, {instead}"


def roll_back(client: MlflowClient, name: str) -> str:
    """Give the alias back to the champion before; return what was done as a sentence.

    Raises UserError if there is no such model, no champion, or no champion before whose files are
    still there.
    """
    version = find_version(client, name)  # else the message would be MLflow's
    if version.name != name:
        raise UserError(f"{name!r} is more than the name of a registered model: {version.name!r}")
    field = read_field(client, name)
    if field.champion is None:
        raise UserError(f"registered model {name!r} has no champion, so nothing is to roll back")
    before = _champion_before(field)
    if before is None:
        raise UserError(
            f"version {field.champion} is the first champion of the registered model {name!r}, "
            f"so there is none to go back to; `pix2pix promote {name}/VERSION` names one"
        )
    _refuse_without_files(client, field.versions[before])
    taken_back = f"version {field.champion} was taken back"
    set_champion(client, field, before, f"{PROMOTED} by hand: {taken_back}")
    text = f"{_TAKEN_BACK} by hand: version {before} is the champion again"
    set_status(client, name, field.champion, text)
    forget_promotion(client, field.versions[field.champion])  # the next call goes further back
    return f"{name} version {before} is the champion again; {taken_back}"


def _refuse_without_files(client: MlflowClient, version: ModelVersion) -> None:
    try:
        refuse_missing_files(client, version)
    except UserError as error:
        raise UserError(
            f"{error}. It cannot be the champion, and nothing was changed: restore the files, or "
            f"name another version: `pix2pix promote {version.name}/VERSION`"
        ) from None


def _champion_before(field: Field) -> str | None:
    """The version that was made champion last, apart from the champion."""
    times = {
        number: version.tags[SINCE_TAG]
        for number, version in field.versions.items()
        if SINCE_TAG in version.tags and number != field.champion
    }
    return max(times, key=lambda number: times[number], default=None)
