"""The parameters `data.extra_sources` and `encoding`."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pix2pix.config import ExtraSource, SideConfig
from pix2pix.errors import UserError
from pix2pix.models import network_configs
from tests.support.drawn_shapes import make_params
from tests.support.scenes import DEPTH, LABELS, PHOTO, scene_params, side_of_images

ONE_HOT = side_of_images() | LABELS | {"encoding": "one_hot"}


def test_only_kind_and_channels_of_an_extra_source_are_required() -> None:
    (depth,) = scene_params([DEPTH]).data.extra_sources
    given = side_of_images() | DEPTH["side"]
    assert dataclasses.asdict(depth.side) == given | {"value_range": tuple(given["value_range"])}
    assert {field.name for field in dataclasses.fields(SideConfig)} == given.keys()


def test_the_networks_have_the_channels_of_all_sources() -> None:
    """Five classes and void, depth, and three colours; the discriminator sees the target, too."""
    generator, discriminator = network_configs(scene_params())
    assert generator.source_channels == 6 + 1 + 3
    assert discriminator.in_channels == 6 + 1 + 3 + 3


def test_extra_sources_belong_to_the_source_in_both_directions() -> None:
    params = scene_params(direction="BtoA", side_a=side_of_images(), side_b=ONE_HOT)
    assert list(params.data.roles) == ["B", "A", "depth", "photo"]
    assert params.data.source_channels == 6 + 1 + 3


def extra(name: str, **changes: Any) -> dict[str, Any]:
    return PHOTO | {"name": name, "folder": name} | changes


@pytest.mark.parametrize(
    ("sources", "data", "message"),
    [
        ([extra("x"), extra("x", folder="y")], {}, "the name 'x' is taken"),
        ([extra("source")], {}, "the name 'source' is taken"),
        ([extra("Depth")], {}, r"extra_sources\.0\.name: only the small letters a-z"),
        ([extra("x", folder="labels")], {}, "x has the folder 'labels' of another input"),
        ([extra("x"), extra("y", folder="x")], {}, "y has the folder 'x' of another input"),
        ([extra("x", folder="../x")], {}, "folder: '../x' must be a folder inside of path"),
        ([extra("x")], {"layout": "side_by_side"}, "set layout: two_folders"),
        (
            [extra("x", side={"kind": "image"})],
            {},
            r"extra_sources\.0\.side\.channels: it is missing",
        ),
        ([extra("x", side={"kind": "photo", "channels": 3})], {}, r"side\.kind: Input should be"),
        ([extra("x", side=PHOTO["side"] | {"depth": 3})], {}, r"side\.depth: there is no such key"),
        (
            [extra("x", side=PHOTO["side"] | {"scale": None})],
            {"resize": "none", "load_size": None},
            "scale of each of extra_sources must be a number",
        ),
        (
            [extra("x")],
            {"pair_pattern": "(?P<key>.)_((?P<a>l)|(?P<b>r))$"},
            "there is no group named x",
        ),
        ([], {"side_a": side_of_images() | {"encoding": "one_hot"}}, "one_hot needs num_labels"),
        ([], {"side_b": ONE_HOT}, "one_hot is for sources, but this direction"),
        (
            [extra("x")],
            {"side_a": ONE_HOT | {"num_labels": 600, "void_label": None}},
            "would receive 603 channels, and 512 are allowed",
        ),
    ],
)
def test_what_cannot_be_is_named(
    sources: list[dict[str, Any]], data: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        scene_params(sources, **data)


def test_an_extra_source_made_in_python_is_taken_as_it_is() -> None:
    side = scene_params([DEPTH]).data.extra_sources[0].side
    assert ExtraSource(name="depth", folder="depth", side=side).side is side


def test_the_documented_parameters_are_valid(root: Path) -> None:
    """Completed as `pix2pix use` completes a preset."""
    text = (root / "docs/data.md").read_text()
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    documented = YAML(typ="safe").load(block)["data"]
    documented["side_a"] = side_of_images() | documented["side_a"]
    assert make_params(**documented).data.source_channels == 21 + 1 + 3
