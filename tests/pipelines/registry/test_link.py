import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from pipelines.registry import link
from pipelines.registry.link import parse_tags
from tests.support.registered_project import MODEL, REPORTS, put_version
from tests.support.tracked_project import everything


def tags(uri: str) -> tuple[dict[str, str], dict[str, str]]:
    """Of the run and of the version."""
    client = MlflowClient(uri)
    registration = json.loads((REPORTS / "register.json").read_text())
    return (
        client.get_run(registration["run_id"]).data.tags,
        client.get_model_version(MODEL, registration["version"]).tags,
    )


def test_run_and_version_get_the_tags_and_keep_their_own(workspace: Path, uri: str) -> None:
    put_version(MlflowClient(uri))
    before = tags(uri)
    link.main(["prefect.flow_run_id=abc", "dvc.experiment=a=b c"])
    added = {"prefect.flow_run_id": "abc", "dvc.experiment": "a=b c"}
    assert tags(uri) == tuple(held | added for held in before)
    link.main(["prefect.flow_run_id=def"])
    assert tags(uri) == tuple(held | added | {"prefect.flow_run_id": "def"} for held in before)


def test_linking_twice_changes_nothing(workspace: Path, uri: str) -> None:
    run_id = put_version(MlflowClient(uri)).run_id
    link.main(["a=b"])
    held = everything(uri, run_id), dict(MlflowClient(uri).get_model_version(MODEL, "1"))
    link.main(["a=b"])
    assert (everything(uri, run_id), dict(MlflowClient(uri).get_model_version(MODEL, "1"))) == held


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["abc"], "'abc' is no tag; write KEY=VALUE"),
        (["=abc"], "'=abc' is no tag"),
        (["abc="], "'abc=' is no tag"),
        (["a?c=x"], "is no tag"),
        (["pix2pix.run_key=x"], "the pipeline's own"),
        (["a=b", "a=c"], "'a' is given twice: 'b' and 'c'"),
    ],
)
def test_what_is_no_tag_is_named(arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        parse_tags(arguments)


def test_without_a_registration_nothing_is_linked(workspace: Path) -> None:
    with pytest.raises(ValueError, match=r"register\.json is missing"):
        link.main(["a=b"])
