"""Names that are no UTF-8 are named before DVC, which gives up on them without saying which."""

import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pipelines.commands.check import check
from pipelines.stages.ingest import ingest
from pix2pix.config import load_params

PARAMS = Path(__file__).parents[3] / "params" / "default.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose folder of pairs, `photos`, holds a name that is no UTF-8."""
    monkeypatch.chdir(tmp_path)
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / os.fsdecode(b"fen\xeatre.png")).touch()
    return photos


def test_ingest_names_the_file(folder: Path) -> None:
    config = replace(load_params(PARAMS).data, source="folder", path="photos")

    with pytest.raises(ValueError, match=r"photos/fen\\xeatre\.png"):
        ingest(config, Path("data/raw"))
    assert not Path("data/raw").exists()


def test_the_check_before_a_run_names_the_file(folder: Path) -> None:
    params = asdict(load_params(PARAMS))
    params["data"] |= {"source": "folder", "path": "photos"}
    with Path("params.yaml").open("w") as file:
        YAML(typ="safe").dump(params, file)

    with pytest.raises(ValueError, match=r"photos/fen\\xeatre\.png"):
        check()
