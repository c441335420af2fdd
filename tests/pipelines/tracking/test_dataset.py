"""The source of a run's data set: the default DVC remote, else the folder; never a password."""

import json
from pathlib import Path

import pytest

from pipelines.repository.dvc_project import remote_address
from pipelines.tracking.dataset import dataset_of
from pipelines.tracking.description import data_record
from pix2pix.config import Params
from tests.support.tracked_project import small_manifest


@pytest.mark.parametrize(
    ("remote", "source_type", "source"),
    [
        (None, "local", {"uri": "data/prepared"}),
        ("s3://bucket/store", "s3", {"uri": "s3://bucket/store"}),
        ("https://ann:s3cret@host/store", "http", {"url": "https://ann:***@host/store"}),
        ("/mnt/store", "local", {"uri": "/mnt/store"}),
        ("ssh://ann@host/store", "ssh", {"uri": "ssh://***@host/store"}),
    ],
)
def test_the_source_is_the_remote_without_its_password(
    default_params: Params,
    remote: str | None,
    source_type: str,
    source: dict[str, str],
) -> None:
    record = data_record(small_manifest(default_params), name="maps", remote=remote)
    dataset = dataset_of(record)
    assert (dataset.source_type, json.loads(dataset.source)) == (source_type, source)


def test_the_default_remote_is_found_and_no_other(tmp_path: Path) -> None:
    assert remote_address(tmp_path) is None
    (tmp_path / ".dvc").mkdir()
    config = tmp_path / ".dvc" / "config"
    config.write_text("['remote \"other\"']\n    url = s3://other\n")
    assert remote_address(tmp_path) is None
    config.write_text(f"{config.read_text()}[core]\n    remote = other\n")
    assert remote_address(tmp_path) == "s3://other"
