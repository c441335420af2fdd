"""Which parameters a training's run shows in MLflow: those that could have changed its result.

All others are in the file `params.json` of the run. A long list hides what differs between runs.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.repository.dotted_keys import flatten
from pix2pix.config import EXECUTION_KEYS, OWN_SOURCES

_SECTIONS = ("data", "augment", "model", "train")
_OWN_KEYS = ("path", "layout", "folder_a", "folder_b", "pair_pattern", "group")
_SHOWN_EXECUTION_KEYS = ("num_workers", "device")  # they may change the order of sums


def shown_params(params: Mapping[str, Any]) -> dict[str, str]:
    """Return those parameters by dotted key; `params` has all, sections as nested mappings.

    Left out are the sections of other stages, the keys of sources that the data set is not from,
    what says only where and how safely a training runs, and what is null.
    """
    shown = {section: dict(params[section]) for section in _SECTIONS}
    for key in _unused_data_keys(params["data"]):
        shown["data"].pop(key, None)  # `params` may be of an earlier version
    for key in EXECUTION_KEYS:
        if key not in _SHOWN_EXECUTION_KEYS:
            shown["train"].pop(key, None)
    return {key: value for key, value in flatten(shown).items() if value != "null"}


def _unused_data_keys(data: Mapping[str, Any]) -> set[str]:
    unused = {source for source in ("synthetic", "archive") if source != data["source"]}
    if data["source"] not in OWN_SOURCES:
        unused.update(_OWN_KEYS)
    elif data["layout"] != "two_folders":
        unused.update({"folder_a", "folder_b"})
    if data["source"] != "video":
        unused.add("frames_per_s")
    unused.add("side_a" if data["layout"] == "photos" else "recipe")
    return unused
