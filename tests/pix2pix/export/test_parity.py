"""The exported files compute what the inference network computes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.export.description import description
from pix2pix.export.network import PortableNetwork, exported_program, mask_names
from pix2pix.export.onnx_model import METADATA_PREFIX, OnnxNetwork, onnx_model
from pix2pix.export.parity import (
    TOLERANCE,
    BatchSize,
    Parity,
    check_parity,
    masks_for,
    measure_parity,
    odd_sizes,
    random_sources,
)
from pix2pix.models import InferenceMode, InferenceNetwork, translate
from tests.support.exports import make_model, side

SIZES = [
    BatchSize(*size) for size in [(1, 32, 32), (3, 31, 65), (2, 1, 1), (1, 97, 2), (4, 5, 200)]
]


def exported(network: InferenceNetwork, folder: Path) -> tuple[OnnxNetwork, torch.nn.Module]:
    """Both files, written and read again."""
    program = exported_program(network)
    described = {"dropout": {"masks": [{"name": name} for name in mask_names(network)]}}
    onnx.save(onnx_model(program, described), folder / "x.onnx")
    torch.export.save(program, folder / "x.pt2")
    return OnnxNetwork(folder / "x.onnx"), torch.export.load(folder / "x.pt2").module()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mode", "norm", "channels", "dropout", "changes"),
    [
        ("published", "batch", (3, 3), 0.5, {}),
        ("published", "batch", (3, 3), 0.5, {"upsample": "resize"}),
        ("published", "instance", (4, 1), 0.25, {"residual_channels": 3}),
        ("deterministic", "none", (2, 5), 0, {}),
        ("deterministic", "batch", (1, 3), 0, {"residual_channels": 1, "upsample": "resize"}),
    ],
)
def test_any_number_and_size_of_images_is_translated_as_by_the_network(
    mode: InferenceMode,
    norm: str,
    channels: tuple[int, int],
    dropout: float,
    changes: dict[str, Any],
    tmp_path: Path,
) -> None:
    source, target = map(side, channels)
    generator, card = make_model(
        tmp_path / "model",
        source=source,
        target=target,
        norm=norm,
        dropout=dropout,
        **changes,
    )
    network = InferenceNetwork(generator, mode)
    by_onnx, by_torch = exported(network, tmp_path)
    for size in SIZES:
        images = random_sources(size, channels[0])
        masks = masks_for(network, images, seed=card.seed)
        expected = translate(network, images, seeds=[card.seed] * len(images))
        assert expected.shape == (size.num_images, channels[1], *size[1:])
        torch.testing.assert_close(by_torch(images, masks), expected, rtol=0, atol=TOLERANCE)
        torch.testing.assert_close(by_onnx(images, masks), expected, rtol=0, atol=TOLERANCE)


def test_masks_of_a_larger_image_serve_by_their_upper_left_part(tmp_path: Path) -> None:
    generator, _ = make_model(tmp_path)
    network = PortableNetwork(InferenceNetwork(generator, "published"))
    source = random_sources(BatchSize(1, 40, 33), 3)
    large = masks_for(network.network, torch.empty(1, 3, 96, 128), seed=0)
    names = mask_names(network.network)
    cut = [
        mask[:, : 64 >> level, : 64 >> level]
        for mask, level in zip(large, names.values(), strict=True)
    ]
    assert any(mask.shape != part.shape for mask, part in zip(large, cut, strict=True))
    assert torch.equal(network(source, large), network(source, cut))


def test_the_masks_are_those_of_the_dropout_and_matter(tmp_path: Path) -> None:
    generator, _ = make_model(tmp_path)
    network = InferenceNetwork(generator, "published")
    source = random_sources(BatchSize(2, 31, 33), 3)
    portable = PortableNetwork(network)
    first, second = (portable(source, masks_for(network, source, seed=seed)) for seed in (1, 2))
    assert not torch.allclose(first, second)
    assert torch.equal(second, translate(network, source, seeds=[2, 2]))


@pytest.mark.slow
def test_the_file_says_how_it_is_used(tmp_path: Path) -> None:
    source = side(1, dtype="uint16", value_range=(0.0, 4095.0))
    generator, card = make_model(tmp_path / "model", source=source, target=side(3))
    network = InferenceNetwork(generator, "published")
    described = description(card, network, model="maps version 3")
    model = onnx_model(exported_program(network), described)
    metadata = {each.key: each.value for each in model.metadata_props}
    stored = {
        key.removeprefix(METADATA_PREFIX): json.loads(value)
        for key, value in metadata.items()
        if key.startswith(METADATA_PREFIX)
    }
    assert stored == json.loads(json.dumps(described))
    assert stored["source"]["value_range"] == [0.0, 4095.0]
    assert stored["padding"] == {
        "inside": True,
        "multiple_px": 32,
        "at": ["right", "bottom"],
        "values": "reflection; the result is cropped",
    }
    # Each mask has the shape that the file states, for an image of 33 by 40 px, padded to 64.
    masks = masks_for(network, torch.empty(1, 1, 33, 40), seed=0)
    assert [tuple(mask.shape) for mask in masks] == [
        (each["channels"], 64 // each["stride"], 64 // each["stride"])
        for each in stored["dropout"]["masks"]
    ]
    inputs = {each.name: each.type.tensor_type.shape.dim for each in model.graph.input}
    assert list(inputs) == ["source", *(each["name"] for each in stored["dropout"]["masks"])]
    assert [each.dim_param or each.dim_value for each in inputs["source"]] == [
        "batch",
        1,
        "height",
        "width",
    ]


def test_the_gate_measures_around_the_multiple_and_names_what_fails(tmp_path: Path) -> None:
    generator, card = make_model(tmp_path)
    network = InferenceNetwork(generator, "published")
    sizes = odd_sizes(network, card.image_size)
    assert BatchSize(1, 32, 32) in sizes
    assert {(size.height % 32, size.width % 32) for size in sizes} >= {(31, 1), (1, 17), (1, 3)}
    assert {size.num_images for size in sizes} == {1, 2, 3}
    exact = measure_parity(PortableNetwork(network), network, sizes, seed=3)
    assert exact.largest == 0
    check_parity(exact, file_name="x.onnx")

    @torch.inference_mode()
    def wrong(source: torch.Tensor, masks: object) -> torch.Tensor:
        fake = translate(network, source, seeds=[3] * len(source))
        fake[-1, -1, -1, -1] += 1.5e-4 if len(source) == 2 else 0
        return fake

    with pytest.raises(UserError, match=r"x.onnx .* by 0.00015 for 2 images of 33x31 px"):
        check_parity(measure_parity(wrong, network, sizes, seed=3), file_name="x.onnx")


@pytest.mark.parametrize("difference", [TOLERANCE, 1.0, np.nan, np.inf])
def test_differences_of_the_tolerance_and_more_and_no_numbers_are_refused(
    difference: float,
) -> None:
    with pytest.raises(UserError, match="nothing was written"):
        check_parity(Parity({BatchSize(1, 2, 3): difference}), file_name="x")
