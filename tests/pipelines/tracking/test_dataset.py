"""The source of a run's data set: the default DVC remote, else the folder; never a password."""

import json

import pytest

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
