"""Parameters of a training, changed so that a workspace finds the files of the user."""

import copy
import dataclasses
from pathlib import Path

import pytest

from pipelines.reproduction.params import params_here
from pix2pix.config import Params
from tests.support.tracked_project import train_record


@pytest.mark.parametrize(
    ("source", "path", "here"),
    [
        ("folder", "mine", "/somewhere/mine"),
        ("video", "films", "/somewhere/films"),
        ("video", "/store/films", "/store/films"),
        ("synthetic", "data/raw", "data/raw"),
    ],
)
def test_own_files_that_are_not_in_the_checkout_are_the_user_s(
    default_params: Params, tmp_path: Path, source: str, path: str, here: str
) -> None:
    record = train_record(default_params)
    params = copy.deepcopy(dict(record.params))
    params["data"] |= {"source": source, "path": path}
    found = params_here(
        dataclasses.replace(record, params=params),
        checkout=tmp_path,
        project_dir=Path("/somewhere"),
    )
    assert found["data"]["path"] == here
