import dataclasses
import json
import sys
from pathlib import Path

import pytest

from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.errors import UserError
from pix2pix.model_card import load_card, write_card
from pix2pix.models import DiscriminatorConfig, GeneratorConfig
from tests.support.model_folders import PHOTO, model_card

CARD = model_card(
    generator=GeneratorConfig(base_channels=2, depth=5, dropout=0.0),
    discriminator=DiscriminatorConfig(base_channels=2, num_layers=1),
)


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    write_card(tmp_path, CARD)
    return tmp_path


@pytest.mark.parametrize("change", [{"format": 2}, {"surprise": 1}, {"inference_mode": "eval"}])
def test_a_card_of_another_kind_is_refused(model_dir: Path, change: dict[str, object]) -> None:
    path = model_dir / "model.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=r"model\.json does not describe a model"):
        load_card(model_dir)


# Of as many channels for the network as the generator has.
ONE_HOT = dataclasses.asdict(CARD.target) | {
    "kind": "labels",
    "channels": 1,
    "num_labels": 3,
    "encoding": "one_hot",
    "kernel": "nearest",
}


def _nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "../../etc/passwd", "name: only the letters A-Z and a-z, digits"),
        ("name", "x" * 10**5, "name: String should have at most 200"),
        ("image_size", 10**9, "image_size: Input should be less than or equal to 4096"),
        ("image_size", 48, "image_size: Input should be a multiple of 32"),
        (
            "image_size",
            [64, 48],
            r"image_size: a list must be \[height, width\]; .* multiple of 32",
        ),
        ("generator.depth", 6, "image_size is 32, which cannot be halved 6 times"),
        ("image_size", "32", "image_size: Input should be a valid integer"),
        ("scale", "native", "scale: Input should be 'stretch'"),
        ("generator.base_channels", 10**9, "generator.base_channels: Input should be less than"),
        ("generator.base_channels", 0, "generator.base_channels: Input should be greater than"),
        ("generator.base_channels", True, "generator.base_channels: Input should be a valid int"),
        ("generator.depth", 10**6, "generator.depth: Input should be less than"),
        ("generator.depth", int("9" * 4000), "generator.depth: "),
        ("generator.dropout", float("nan"), "generator.dropout: Input should be "),
        ("generator.dropout", 1.0, "generator.dropout: Input should be less than 1"),
        ("generator.surprise", 1, "generator.surprise: there is no such key"),
        ("discriminator.base_channels", 10**9, "discriminator.base_channels: Input should be less"),
        ("discriminator.num_layers", -1, "discriminator.num_layers: Input should be greater"),
        ("source.channels", 10**9, "source.channels is 1000000000, but the generator has 3"),
        ("source.value_range", [0.0, float("nan")], "source.value_range"),
        ("source.value_range", [0.0, 1e999], "source.value_range"),
        ("source.value_range", [5.0, 5.0], r"source.value_range is \[5.0, 5.0\], not low < high"),
        ("target.dtype", "object", "target.dtype is 'object'"),
        ("target", ONE_HOT, "target.encoding is one_hot, which only sources can have"),
        ("scale", "fit", "load_size is None, which does not fit scale: fit"),
        ("load_size", 64, "load_size is 64, which does not fit scale: stretch"),
        ("dev", {"x" * 2**20: 0.0}, r"it has 10\d{5} bytes"),
        ("target.kernel", "/etc/passwd", "target.kernel.*: Input should be "),
        ("seed", -1, "seed: Input should be greater"),
        ("seed", 2**64, "seed: "),
        ("dev", {"dev/l1": float("nan")}, "dev"),
        ("dev", None, "dev: Input should be an object"),
        ("direction", "../AtoB", "direction: Input should be 'AtoB' or 'BtoA'"),
    ],
)
def test_a_card_with_a_harmful_value_is_refused_in_one_line_that_names_the_field(
    model_dir: Path, field: str, value: object, message: str
) -> None:
    path = model_dir / "model.json"
    card = json.loads(path.read_text())
    *parents, key = field.split(".")
    part = card
    for parent in parents:
        part = part[parent]
    part[key] = value
    sys.set_int_max_str_digits(0)
    path.write_text(json.dumps(card).replace("Infinity", "1e999"))
    sys.set_int_max_str_digits(4300)
    with pytest.raises(UserError, match=message) as caught:
        load_card(model_dir)
    text = str(caught.value)
    assert text.startswith(f"{path} does not describe a model: ")
    assert len(text.splitlines()) == 1
    assert len(text) < len(str(path)) + 350


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{",
        _nested(10**5),
        '{"a":' * 10**5 + "1" + "}" * 10**5,
        f'{{"format": 1, "generator": {_nested(5000)}}}',
        "\x00" * 100,
        " " * (2**20 + 1),
    ],
    ids=["empty", "null", "list", "open", "deep", "deep-maps", "deep-part", "zeros", "huge"],
)
def test_a_file_that_is_no_card_is_refused_in_one_line(model_dir: Path, content: str) -> None:
    (model_dir / "model.json").write_text(content)
    with pytest.raises(UserError, match=r"model\.json does not describe a model: ") as caught:
        load_card(model_dir)
    assert len(str(caught.value).splitlines()) == 1


def test_sources_have_the_size_that_their_scales_give() -> None:
    """Of a target that is twice as large as the first source; never less than a pixel."""
    scales = {"depth": 1.0, "photo": 4.0, "any": None, "small": 0.25}
    extra = tuple(ExtraSourceRecord(name, PHOTO, scale) for name, scale in scales.items())
    card = dataclasses.replace(CARD, target_scale=2.0, extra_sources=extra)
    assert card.source_sizes(19, 31) == {
        "source": (10, 16),
        "depth": (10, 16),
        "photo": (38, 62),
        "any": (10, 16),
        "small": (2, 4),
    }
    assert card.source_sizes(2, 1)["small"] == (1, 1)


@pytest.mark.parametrize("names", [("source",), ("depth", "depth")])
def test_two_sources_of_one_name_are_refused(model_dir: Path, names: tuple[str, ...]) -> None:
    path = model_dir / "model.json"
    extra = [dataclasses.asdict(ExtraSourceRecord(name, PHOTO, 1.0)) for name in names]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"extra_sources": extra}))
    with pytest.raises(UserError, match="two sources have the same name"):
        load_card(model_dir)
