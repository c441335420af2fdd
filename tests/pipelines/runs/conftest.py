"""A prepared data set, and places to which it is copied."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from pix2pix.config import Params
from pix2pix.preparation.prepare import prepare_pairs
from pix2pix.sources.synthetic import write_synthetic
from tests.support.dataset_copies import use
from tests.support.s3_server import S3Server, s3_server


@pytest.fixture(scope="module")
def prepared_dir(small_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set on the driver's machine."""
    folder = tmp_path_factory.mktemp("driver")
    drawn = dataclasses.replace(small_params.data.synthetic, num_train=6, num_test=2, size_px=40)
    write_synthetic(folder / "raw", drawn)
    prepare_pairs(folder / "raw", folder / "prepared", small_params.data, num_workers=1)
    return folder / "prepared"


@pytest.fixture
def storage(tmp_path: Path) -> str:
    """A folder that all nodes share."""
    return str(tmp_path / "shared")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The cache of a node, which does not exist yet."""
    return tmp_path / "cache"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    with s3_server() as server:
        use(server, monkeypatch)
        yield server
