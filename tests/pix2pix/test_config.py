import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pix2pix.config import Params, Scale, Size, generator_depth, load_params, parse_params


def test_params_yaml_is_valid(root: Path) -> None:
    load_params(root / "params.yaml")


def _set(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    *sections, last = key.split(".")

    def change(mapping: dict[str, Any]) -> None:
        for section in sections:
            mapping = mapping[section]
        mapping[last] = value

    return change


def _drop(key: str) -> Callable[[dict[str, Any]], None]:
    section, last = key.split(".")
    return lambda mapping: mapping[section].pop(last)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _set("train.lambda_L1", 100.0),
            "train.lambda_L1: Unexpected keyword argument (got 100.0)",
        ),
        (
            _set("train.learning_rate", "2e-4"),
            "train.learning_rate: Input should be a valid number",
        ),
        (_set("train.num_epochs", 1.5), "train.num_epochs: Input should be a valid integer"),
        (_set("train.channels_last", 1), "train.channels_last: must be true, false or auto"),
        (_set("train.compile", "on"), "train.compile: must be true, false or auto"),
        (
            _set("train.precision", "fp64"),
            "train.precision: Input should be 'auto', 'float32' or 'bfloat16'",
        ),
        (
            _set("data.dev_fraction", 1.5),
            "data.dev_fraction: Input should be less than 1 (got 1.5)",
        ),
        (
            _set("data.image_size", 157),
            "data.image_size: Input should be a multiple of 32 (got 157)",
        ),
        (
            _set("data.image_size", [64, 100]),
            "data.image_size: a list must be [height, width]; Input should be a multiple of 32 "
            "(got [64, 100])",
        ),
        (
            _set("data.resize", "none"),
            "data: load_size (143) has no meaning with resize: none, which resizes nothing; set "
            "load_size: null",
        ),
        (_set("data.load_size", None), "data: load_size (null) must be a size with resize: str"),
        (_set("data.crops_per_pair", 0), "data.crops_per_pair: Input should be greater than or"),
        (_set("data.resize", "crop"), "data.resize: Input should be 'stretch', 'fit' or 'none'"),
        (_set("data.image_size", [64]), "data.image_size: a list must be [height, width]; Field"),
        (_set("data.load_size", 64), "data: load_size (64) is smaller than image_size (128)"),
        (
            _set("data.load_size", [200, 100]),
            "data: load_size ([200, 100]) is smaller than image_size (128)",
        ),
        (_set("data.path", "photos"), "data: path must be data/raw for source: synthetic"),
        (_set("data.side_a.grayscale", True), "data.side_a: grayscale: true needs channels: 1"),
        (_set("data.side_b.num_labels", 5), "data.side_b: num_labels needs kind: labels"),
        (_set("data.side_b.value_range", [1.0, 0.0]), "data.side_b: value_range must be"),
        (
            _set("data.side_b.nodata", "none"),
            "data.side_b.nodata: must be a finite number, nan or file (got 'none')",
        ),
        (_set("data.side_b.nodata", float("inf")), "data.side_b.nodata: must be a finite number"),
        (_set("data.side_a.nodata", 0), "data.side_a: nodata needs kind: image"),
        (_set("data.side_b.ignore_label", 255), "data.side_b: ignore_label needs kind: labels"),
        (_set("data.side_a.ignore_label", -1), "data.side_a.ignore_label: Input should be greater"),
        (
            _set("data.side_b.axes", "CHW"),
            "data: layout: side_by_side reads A and B from one file, so axes must be the same "
            "for side_a (HWC) and side_b (CHW)",
        ),
        (_set("data.group", "(clip"), "data: group: '(clip' is no regular expression: missing )"),
        (_set("data.group", "clip"), "data: group: 'clip' has 0 groups in parentheses"),
        (_set("data.group", "(a)(b)"), "data: group: '(a)(b)' has 2 groups in parentheses"),
        (_set("model.depth", 9), "model.depth 9 halves the image 9 times"),
        (_set("model.discriminator_layers", 6), "model.discriminator_layers: Input should be less"),
        (_set("train.num_workers", 3), "train: batch_size (1) is shared by up to 3 workers"),
        (_set("train.best_from_epoch", 99), "train: best_from_epoch (99) is after the last epoch"),
        (_set("extra", 1), "extra: Unexpected keyword argument"),
        (_drop("train.seed"), "train.seed: Field required"),
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


def test_all_wrong_parameters_are_reported_at_once(default_params: Params) -> None:
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    for key, value in (("data.direction", "up"), ("train.beta1", 2), ("evaluate.seed", -1)):
        _set(key, value)(mapping)
    with pytest.raises(ValueError, match="3 wrong parameters") as caught:
        parse_params(mapping)
    assert all(
        key in str(caught.value) for key in ("data.direction", "train.beta1", "evaluate.seed")
    )


def test_two_equal_lengths_are_a_square(default_params: Params) -> None:
    """Else equal settings would give unlike hashes of the data, and unlike protocols."""
    mapping = copy.deepcopy(dataclasses.asdict(default_params))
    _set("data.image_size", [128, 128])(mapping)
    assert parse_params(mapping) == default_params


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


@pytest.mark.parametrize(
    ("image_size", "depth"),
    [
        ((64, 96), 5),
        ((256, 512), 8),
        (32, 5),
        (96, 5),
        (64, 6),
        (128, 7),
        (256, 8),
        (512, 8),
        (1024, 8),
    ],
)
def test_the_depth_is_as_many_halvings_as_the_size_allows(image_size: Size, depth: int) -> None:
    assert generator_depth(image_size, None) == depth
    assert generator_depth(image_size, 4) == 4


@pytest.mark.parametrize(
    ("load_size", "message"),
    [
        ([200, 100], r"load_size \(\[200, 100\]\) must be one number with resize: fit"),
        (63, r"load_size \(63\) is smaller than image_size \(\[64, 128\]\)"),
        (None, r"load_size \(null\) must be a size with resize: fit; set it"),
    ],
)
def test_fit_needs_the_length_of_the_shorter_side(
    default_params: Params, load_size: object, message: str
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"resize": "fit", "image_size": [64, 128], "load_size": load_size}
    with pytest.raises(ValueError, match=message):
        parse_params(mapping)
    mapping["data"]["load_size"] = 64
    assert parse_params(mapping).data.scale("test") == Scale("fit", 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layout": "side_by_side"},
            r"side_by_side shows A and B in halves of one size; set side_a",
        ),
        (
            {"resize": "none", "load_size": None, "scale": None},
            r"set side_b\.scale, or resize: fit",
        ),
        ({"scale": 0}, r"data\.side_b\.scale: Input should be greater than 0"),
    ],
)
def test_a_scale_that_nothing_can_follow_is_refused(
    default_params: Params, changes: dict[str, Any], message: str
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"source": "folder", "path": "photos", "layout": "two_folders"}
    mapping["data"]["side_b"]["scale"] = changes.pop("scale", 2)
    assert changes or mapping["data"]["side_b"]["scale"] == 0
    mapping["data"] |= changes
    with pytest.raises(ValueError, match=message):
        parse_params(mapping)


@pytest.mark.parametrize(("direction", "expected"), [("AtoB", 2.0), ("BtoA", 0.5)])
def test_the_scale_of_targets_follows_the_direction(
    default_params: Params, direction: str, expected: float
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"source": "folder", "path": "x", "layout": "two_folders"}
    mapping["data"] |= {"direction": direction}
    mapping["data"]["side_b"]["scale"] = 2
    assert parse_params(mapping).data.target_scale == expected
    mapping["data"]["side_a"]["scale"] = None
    assert parse_params(mapping).data.target_scale is None


def test_images_that_are_no_squares_are_not_laid_on_their_side(
    default_params: Params,
) -> None:
    mapping = dataclasses.asdict(default_params)
    mapping["data"] |= {"image_size": [64, 128], "load_size": [64, 128]}
    mapping["augment"]["rotate_90"] = 0.5
    with pytest.raises(ValueError, match=r"rotate_90 \(0\.5\) .* \[64, 128\] on their side; set"):
        parse_params(mapping)
    mapping["augment"]["rotate_90"] = 0.0
    assert parse_params(mapping).depth == 6


def test_parameters_are_the_same_after_json(default_params: Params) -> None:
    assert (
        parse_params(json.loads(json.dumps(dataclasses.asdict(default_params)))) == default_params
    )
