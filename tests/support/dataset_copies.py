"""A published data set, and what a node gets of it."""

import dataclasses
import logging
import os
from pathlib import Path

import pytest

from pipelines.runs.dataset import DatasetSource, local_dataset, publish_dataset
from pipelines.runs.dataset_cache import HASHES_NAME
from pix2pix.data.manifest import load_manifest
from tests.support.folders import contents
from tests.support.s3_server import S3Server

ARRAY = "train/source.npy"


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


def publish(prepared_dir: Path, storage: str | None) -> DatasetSource:
    """Publish the data set. Returns what a worker gets that does not see the driver's folder."""
    source = publish_dataset(prepared_dir, load_manifest(prepared_dir), storage)
    return dataclasses.replace(source, prepared_dir=prepared_dir / "not" / "here")


def pairs_in(folder: Path) -> dict[str, bytes]:
    """Return the files by relative path, without those that only copies have."""
    held = contents(folder)
    return {
        name: held[name]
        for name in held
        if name != HASHES_NAME and not Path(name).name.startswith(".")
    }


def copy_in_storage(source: DatasetSource) -> Path:
    assert source.shared_copy is not None
    return Path(source.shared_copy.path)


def refusal(source: DatasetSource, cache: Path) -> str:
    """Return the message that the data set cannot be copied; no file of it may be left."""
    with pytest.raises(ValueError, match=f"node {os.uname().nodename}") as refused:
        local_dataset(source, cache)
    if cache.exists():
        assert [path.name for path in cache.iterdir()] == [f"{source.data_hash}.lock"]
    return str(refused.value)


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
