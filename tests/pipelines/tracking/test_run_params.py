"""A run shows the parameters that could have changed its result, and no others."""

import copy
import dataclasses
from typing import Any

import pytest

from pipelines.tracking.run_params import shown_params
from pix2pix.config import Params


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ({"source": "synthetic"}, {"synthetic.seed"}),
        ({"source": "archive"}, {"archive.dataset"}),
        ({"source": "folder"}, {"path", "layout"}),
        (
            {"source": "folder", "layout": "two_folders", "group": "x(.)"},
            {"path", "layout", "folder_a", "folder_b", "group"},
        ),
        (
            {"source": "video", "layout": "two_folders", "group": "x(.)"},
            {"path", "layout", "folder_a", "folder_b", "group", "frames_per_s"},
        ),
    ],
)
def test_only_the_keys_of_the_source_are_shown(
    default_params: Params, data: dict[str, Any], shown: set[str]
) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    mapping["data"] |= data
    keys = {key.removeprefix("data.") for key in shown_params(mapping) if key.startswith("data.")}
    of_sources = {
        "synthetic.seed", "archive.dataset", "path", "layout", "folder_a", "folder_b", "group",
        "frames_per_s",
    }  # fmt: skip
    assert keys & of_sources == shown


def test_other_stages_execution_and_what_is_null_are_not_shown(default_params: Params) -> None:
    shown = shown_params(dataclasses.asdict(default_params))
    assert {key.partition(".")[0] for key in shown} == {"data", "augment", "model", "train"}
    assert "null" not in shown.values()
    assert not shown.keys() & {"train.storage_path", "train.max_failures", "train.ray_address"}
    assert shown.keys() >= {"train.num_workers", "train.learning_rate", "model.norm"}
