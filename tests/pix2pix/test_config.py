import copy
import dataclasses
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from pix2pix.config import Params, load_params, parse_params
from pix2pix.config.patterns import WORDS
from pix2pix.models import network_configs
from pix2pix.preparation.pairs import refuse_no_folder
from tests.support.mappings import setting


def test_params_yaml_is_valid(root: Path) -> None:
    load_params(root / "params.yaml")


def _drop(key: str) -> Callable[[dict[str, Any]], None]:
    section, last = key.split(".")
    return lambda mapping: mapping[section].pop(last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            setting("train.lambda_L1", 100.0),
            "train.lambda_L1: there is no such key (got 100.0)",
        ),
        (
            setting("train.learning_rate", "2e-4"),
            "train.learning_rate: Input should be a valid number (got '2e-4'; write it without "
            "quotes)",
        ),
        (
            setting("train.num_epochs", "many"),
            "train.num_epochs: Input should be a valid integer (got 'many')",
        ),
        (
            setting("train.profile", "no"),
            "train.profile: Input should be a valid boolean (got 'no'; write true or false, "
            "without quotes)",
        ),
        (setting("train.num_epochs", 1.5), "train.num_epochs: Input should be a valid integer"),
        (
            setting("train.num_epochs", 10**21),
            "train.num_epochs: Input should be less than or equal to 1000000000 (got 10000000000",
        ),
        (
            setting("train.checkpoint_every_steps", 10**10),
            "train.checkpoint_every_steps: Input should be less than or equal to 1000000000 (got 1",
        ),
        (
            setting("data.split_seed", 2**32),
            "data.split_seed: Input should be less than 4294967296 (got 4294967296)",
        ),
        (setting("train.channels_last", 1), "train.channels_last: must be true, false or auto"),
        (setting("train.compile", "on"), "train.compile: must be true, false or auto"),
        (
            setting("train.precision", "fp64"),
            "train.precision: Input should be 'auto', 'float32' or 'bfloat16'",
        ),
        (
            setting("data.dev_fraction", 1.5),
            "data.dev_fraction: Input should be less than 1 (got 1.5)",
        ),
        (
            setting("data.image_size", 157),
            "data.image_size: Input should be a multiple of 32 (got 157)",
        ),
        (
            setting("data.image_size", [64, 100]),
            "data.image_size: a list must be [height, width]; Input should be a multiple of 32 "
            "(got [64, 100])",
        ),
        (
            setting("data.resize", "none"),
            "data: load_size (143) has no meaning with resize: none, which resizes nothing; set "
            "load_size: null",
        ),
        (setting("data.load_size", None), "data: load_size (null) must be a size with resize: str"),
        (setting("data.crops_per_pair", 0), "data.crops_per_pair: Input should be greater than or"),
        (setting("data.resize", "crop"), "data.resize: Input should be 'stretch', 'fit' or 'none'"),
        (
            setting("data.image_size", [64]),
            "data.image_size: a list must be [height, width]; Field",
        ),
        (setting("data.load_size", 64), "data: load_size (64) is smaller than image_size (128)"),
        (
            setting("data.load_size", [200, 100]),
            "data: load_size ([200, 100]) is smaller than image_size (128)",
        ),
        (
            setting("data.path", "photos"),
            "data: path must be data/raw for source: synthetic, got 'photos'; set source: folder",
        ),
        (setting("data.path", "~/two"), "data.path: ~ stands for a home folder in a shell alone"),
        (setting("train.storage_path", "~/runs"), "train.storage_path: ~ stands for a home folder"),
        (setting("train.init_from", "~/old"), "train.init_from: ~ stands for a home folder"),
        (
            setting("data.name", "Straße"),
            "data.name: only the letters A-Z and a-z, digits and . _ - are allowed, and a letter "
            "or digit first (got 'Straße')",
        ),
        (setting("data.side_a.slices", "w"), "data.side_a.slices: must be an axis (x, y or z), or"),
        (
            setting("data.archive.base_url", "ftp://x"),
            "data.archive.base_url: must be an address that begins with http:// or https://",
        ),
        (setting("data.side_a.grayscale", True), "data.side_a: grayscale: true needs channels: 1"),
        (setting("data.side_b.num_labels", 5), "data.side_b: num_labels needs kind: labels"),
        (setting("data.side_b.value_range", [1.0, 0.0]), "data.side_b: value_range must be"),
        (
            setting("data.side_b.nodata", "none"),
            "data.side_b.nodata: must be a finite number, nan or file (got 'none')",
        ),
        (
            setting("data.side_b.nodata", float("inf")),
            "data.side_b.nodata: must be a finite number",
        ),
        (setting("data.side_a.nodata", 0), "data.side_a: nodata needs kind: image"),
        (setting("data.side_b.ignore_label", 255), "data.side_b: ignore_label needs kind: labels"),
        (
            setting("data.side_a.ignore_label", -1),
            "data.side_a.ignore_label: Input should be greater",
        ),
        (
            setting("data.side_b.axes", "CHW"),
            "data: layout: side_by_side reads A and B from one file, so axes must be the same "
            "for side_a (HWC) and side_b (CHW)",
        ),
        (
            setting("data.group", "(clip"),
            "data: group: '(clip' is no regular expression: missing )",
        ),
        (setting("data.group", "clip"), "data: group: 'clip' has 0 groups in parentheses"),
        (setting("data.group", "(a)(b)"), "data: group: '(a)(b)' has 2 groups in parentheses"),
        (setting("model.depth", 9), "model.depth 9 halves the image 9 times"),
        (
            setting("model.discriminator_layers", 6),
            "model.discriminator_layers: Input should be less",
        ),
        (setting("train.num_workers", 3), "train: batch_size (1) is shared by up to 3 workers"),
        (
            setting("train.best_from_epoch", 99),
            "train: best_from_epoch (99) is after the last epoch",
        ),
        (setting("extra", 1), "extra: there is no such key"),
        (_drop("train.seed"), "train.seed: it is missing"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_dotted_key(
    default_params: Params, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    change(mapping)
    with pytest.raises(ValueError, match="wrong parameter") as caught:
        parse_params(mapping)
    assert message in str(caught.value)


def _unlimited(node: Any, place: str) -> Iterator[str]:
    """The places in a JSON schema of integers without a least or a largest value."""
    if isinstance(node, list):
        for index, each in enumerate(node):
            yield from _unlimited(each, f"{place}.{index}")
    elif isinstance(node, dict):
        is_limited = "minimum" in node and node.keys() & {"maximum", "exclusiveMaximum"}
        if node.get("type") == "integer" and not is_limited:
            yield place
        for key, each in node.items():
            yield from _unlimited(each, f"{place}.{key}")


def test_every_integer_has_a_least_and_a_largest_value() -> None:
    """A number of epochs of 10^21 is a slip that no training would end with."""
    definitions = TypeAdapter(Params).json_schema()["$defs"]
    # Values of a search are those of other parameters, whose limits they are checked with.
    for of_search in ("Choice", "Quantised"):
        del definitions[of_search]
    assert list(_unlimited(definitions, "")) == []


def test_a_label_is_either_a_class_or_ignored(default_params: Params) -> None:
    side = {"channels": 1, "num_labels": 4, "void_label": 255, "ignore_label": 255}
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    mapping["data"]["side_a"] |= side
    with pytest.raises(ValueError, match="ignore_label and void_label are both 255"):
        parse_params(mapping)
    mapping["data"]["side_a"]["ignore_label"] = 254
    assert parse_params(mapping).data.side_a.is_masked


def test_nan_of_yaml_is_a_nodata_value(default_params: Params) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    for side in ("side_a", "side_b"):
        mapping["data"][side] |= {"kind": "image", "nodata": float("nan")}
    assert parse_params(mapping).data.side_a.nodata == "nan"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"data.side_a.channels": 4}, "4 channels cannot stand for 3"),
        ({"data.side_a.kind": "labels"}, "labels are names of classes"),
        ({"data.side_b.kind": "labels"}, "labels are names of classes"),
    ],
)
def test_a_residual_needs_a_source_that_can_stand_for_the_target(
    default_params: Params, changes: dict[str, object], reason: str
) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    photos = {"model.residual": True, "data.source": "folder", "data.path": "data/mine"}
    photos["data.side_a.kind"] = "image"
    for key, value in photos.items():
        setting(key, value)(mapping)
    assert network_configs(parse_params(mapping))[0].residual_channels == 3
    for key, value in changes.items():
        setting(key, value)(mapping)
    with pytest.raises(ValueError, match=f"residual: true adds to the source, but {reason}"):
        parse_params(mapping)


def test_all_wrong_parameters_are_reported_at_once(default_params: Params) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    for key, value in (("data.direction", "up"), ("train.beta1", 2), ("evaluate.seed", -1)):
        setting(key, value)(mapping)
    with pytest.raises(ValueError, match="3 wrong parameters") as caught:
        parse_params(mapping)
    assert all(
        key in str(caught.value) for key in ("data.direction", "train.beta1", "evaluate.seed")
    )


def test_exponents_are_read_as_numbers_as_dvc_reads_them(root: Path, tmp_path: Path) -> None:
    text = (root / "params" / "default.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(text.replace("learning_rate: 0.0002", "learning_rate: 2e-4"))
    assert load_params(path).train.learning_rate == 0.0002


@pytest.mark.parametrize(
    "path", ["data/raw", "./data/raw", "data/raw/mine", "data", ".", "data/prepared/x", "models"]
)
def test_a_folder_of_pairs_that_the_pipeline_would_replace_is_refused(
    default_params: Params, path: str
) -> None:
    """DVC removes outputs before it runs a stage, and with them the pairs of the user."""
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"source": "folder", "path": path}
    with pytest.raises(
        ValueError, match="which the pipeline replaces; keep your pairs in a folder"
    ):
        parse_params(mapping)
    mapping["data"] |= {"path": "data/mine"}
    assert parse_params(mapping).data.path == "data/mine"


@pytest.mark.parametrize("text", ["a: [1", "- 1", "", "a: 1\na: 2", "a: 2024-01-01", "a: \x00"])
def test_a_file_that_is_no_parameter_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"params\.yaml"):
        load_params(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.yaml is missing; run `pix2pix use default`"):
        load_params(tmp_path / "none.yaml")


def test_a_data_folder_that_is_a_link_to_itself_is_named(
    tmp_path: Path, default_params: Params
) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    dataclasses.replace(default_params.data, source="folder", path=str(loop))
    with pytest.raises(ValueError, match=f"{loop} is a link to loop, which does not exist"):
        refuse_no_folder(loop)


def test_parameters_are_the_same_after_json(default_params: Params) -> None:
    assert (
        parse_params(json.loads(json.dumps(dataclasses.asdict(default_params)))) == default_params
    )


def test_every_pattern_has_words() -> None:
    schema = json.dumps(TypeAdapter(Params).json_schema())
    patterns = {json.loads(text) for text in re.findall(r'"pattern": ("(?:\\.|[^"])*")', schema)}
    assert patterns == WORDS.keys()
