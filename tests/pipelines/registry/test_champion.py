"""The alias by hand, and the way back."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.commands.promote import promote
from pipelines.commands.rollback import rollback
from pipelines.entrypoint import run
from pipelines.registry.champion import CHAMPION_TAG, SINCE_TAG
from pipelines.registry.package import PACKAGED_MODEL
from tests.support.registered_project import MODEL, champion, put_version


@pytest.fixture
def client(workspace: Path, uri: str) -> MlflowClient:
    """Of a registry with versions 1 to 4 of a model, without a champion."""
    client = MlflowClient(uri)
    for _ in range(4):
        put_version(client)
    return client


def words(client: MlflowClient, number: str) -> str | None:
    return client.get_model_version(MODEL, number).tags.get(CHAMPION_TAG)


@pytest.mark.slow
def test_a_version_becomes_the_champion_by_hand_and_it_is_said_in_whose_place(
    client: MlflowClient,
) -> None:
    promote(f"{MODEL}/2")
    assert champion(client) == "2"
    assert words(client, "2") == "promoted by hand, there was no champion"
    promote(f"models:/{MODEL}/4")
    assert champion(client) == "4"
    assert words(client, "4") == "promoted by hand, in place of version 2"
    assert words(client, "2") == "replaced by version 4, by hand"
    assert words(client, "1") is None
    since = {number: client.get_model_version(MODEL, number).tags[SINCE_TAG] for number in "24"}
    assert since["2"] < since["4"]


def test_promoting_the_champion_changes_nothing(client: MlflowClient) -> None:
    promote(f"{MODEL}/2")
    before = dict(client.get_model_version(MODEL, "2"))
    promote(f"{MODEL}@champion")
    assert dict(client.get_model_version(MODEL, "2")) == before


def test_rolling_back_goes_one_champion_back_each_time(client: MlflowClient) -> None:
    for number in (1, 3, 4):
        promote(f"{MODEL}/{number}")
    rollback(MODEL)
    assert champion(client) == "3"
    assert words(client, "4") == "taken back by hand: version 3 is the champion again"
    assert words(client, "3") == "promoted by hand: version 4 was taken back"
    rollback(MODEL)
    assert champion(client) == "1"
    promote(f"{MODEL}/2")
    rollback(MODEL)
    assert champion(client) == "1"  # not 3 or 4, which were taken back


@pytest.mark.slow
def test_rolling_back_a_promotion_of_an_older_champion_goes_back_to_the_one_between(
    client: MlflowClient,
) -> None:
    for number in (1, 3, 1):
        promote(f"{MODEL}/{number}")
    rollback(MODEL)
    assert champion(client) == "3"


def test_a_champion_that_got_its_alias_in_mlflow_itself_can_be_gone_back_to(
    client: MlflowClient,
) -> None:
    client.set_registered_model_alias(MODEL, "champion", "1")
    promote(f"{MODEL}/3")
    rollback(MODEL)
    assert champion(client) == "1"


def refusal(command: object, argument: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()  # what was said before
    with pytest.raises(SystemExit) as caught:
        run(lambda: command(argument))  # type: ignore[operator]
    assert caught.value.code == 1
    [line] = capsys.readouterr().err.splitlines()
    return line


def test_what_does_not_exist_is_one_sentence(
    client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(promote, f"{MODEL}/5", capsys).endswith(
        "has no version 5; there are the versions 1, 2, 3, 4"
    )
    assert "no version of a registered model 'x'" in refusal(promote, "x/1", capsys)
    assert "'a/b/c' names no model" in refusal(promote, "a/b/c", capsys)
    assert "no version of a registered model 'x'" in refusal(rollback, "x", capsys)
    assert f"'{MODEL}/3' is more than the name" in refusal(rollback, f"{MODEL}/3", capsys)
    assert "has no champion, so nothing is to roll back" in refusal(rollback, MODEL, capsys)
    promote(f"{MODEL}/2")
    assert "version 2 is the first champion" in refusal(rollback, MODEL, capsys)
    assert champion(client) == "2"


def lose_files(client: MlflowClient, number: str) -> Path:
    source = Path(client.get_model_version(MODEL, number).source)
    shutil.rmtree(source)
    return source


def test_a_version_whose_files_are_gone_does_not_become_the_champion(
    client: MlflowClient, capsys: pytest.CaptureFixture[str]
) -> None:
    promote(f"{MODEL}/1")
    promote(f"{MODEL}/3")
    for number, command, argument in (("2", promote, f"{MODEL}/2"), ("1", rollback, MODEL)):
        source = lose_files(client, number)
        before = [dict(client.get_model_version(MODEL, each)) for each in "123"]
        assert refusal(command, argument, capsys) == (
            f"ERROR {MODEL} version {number}: its files are missing from "
            f"{source / PACKAGED_MODEL}. It cannot be the champion, and nothing was changed: "
            f"restore the files, or name another version: `pix2pix promote {MODEL}/VERSION`"
        )
        assert [dict(client.get_model_version(MODEL, each)) for each in "123"] == before
