"""The example of an exported folder runs alone and answers as `Translator` does."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pix2pix.config import Kernel
from pix2pix.data.ranges import from_network, to_network
from pix2pix.export.example import example_script
from pix2pix.export.folder import write_export
from pix2pix.export.report import readme
from pix2pix.images.image import read_image
from pix2pix.images.resize import resize
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceNetwork
from tests.support.exports import MODEL, cards, export, make_model, run_example, side


def picture(shape: tuple[int, ...], dtype: str, high: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, high, shape, dtype=np.int64).astype(dtype)


def as_png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels.squeeze()).save(path)


def read_png(path: Path) -> np.ndarray:
    pixels = np.asarray(Image.open(path))
    return pixels if pixels.ndim == 3 else pixels[..., None]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "shape", "high", "written"),
    [
        ({}, (32, 32, 3), 256, (as_png, "png")),  # dropout masks from the file
        (
            {  # class ids, with pixels of no class
                "mode": "deterministic",
                "source": side(1, kind="labels", value_range=(0.0, 5.0), kernel="nearest",
                               num_labels=5, void_label=255),
                "target": side(1, dtype="uint16", value_range=(0.0, 65535.0)),
                "scale": "none",
            },
            (40, 35, 1),
            5,
            (as_png, "png"),
        ),
        (
            {
                "mode": "deterministic",
                "source": side(2, dtype="uint16", value_range=(100.0, 4095.0)),
                "target": side(2, dtype="float32", value_range=(-3.0, 5.0)),
            },
            (32, 32, 2),
            4096,
            (np.save, "npy"),
        ),
    ],
)  # fmt: skip
def test_the_example_runs_alone_and_answers_what_the_translator_answers(
    arguments: dict[str, Any],
    shape: tuple[int, ...],
    high: int,
    written: tuple[Callable[[Path, np.ndarray], None], str],
    tmp_path: Path,
) -> None:
    out, translator = export(tmp_path, **arguments)
    source, target = translator.card.source, translator.card.target
    image = picture(shape, source.dtype, high)
    if source.void_label is not None:
        image[:4] = source.void_label
    write, suffix = written
    write(tmp_path / f"in.{suffix}", image)
    run_example(out, tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}")
    read = read_png if suffix == "png" else np.load
    answer, expected = read(tmp_path / f"out.{suffix}"), translator.translate(image)
    assert (answer.shape, answer.dtype) == (expected.shape, expected.dtype)
    low, top = target.value_range
    # Half of the gate's tolerance, and one step of rounding.
    np.testing.assert_allclose(
        answer.astype(float), expected.astype(float), rtol=0, atol=1e-4 * (top - low) + 1
    )
    assert np.mean(answer != expected) < 0.1 or target.dtype != "uint8"


@pytest.mark.slow
def test_where_sizes_differ_the_example_draws_the_dropout_itself(tmp_path: Path) -> None:
    out, translator = export(tmp_path, scale="fit", load_size=40, dropout=0.5)
    assert not (out / "published.masks.npz").exists()
    image = picture((80, 100, 3), "uint8", 256)
    as_png(tmp_path / "in.png", image)
    run_example(out, tmp_path / "in.png", tmp_path / "first.png")
    run_example(out, tmp_path / "in.png", tmp_path / "second.png")
    first, second = (read_png(tmp_path / f"{name}.png") for name in ("first", "second"))
    np.testing.assert_array_equal(first, second)
    assert first.shape == (40, 50, 3)  # the shorter side has 40 px
    # Other masks than Translator's, but of the same distribution.
    assert abs(first.mean() - translator.translate(image).mean()) < 16


def test_every_example_is_python_of_few_lines(tmp_path: Path) -> None:
    generator, card = make_model(tmp_path / "model")
    for mode in ("published", "deterministic"):
        network = InferenceNetwork(generator, mode)
        for each in cards(card):
            script = example_script(each, network)
            assert len(script.splitlines()) <= 20 + 5 * ("def area" in script), script
            compile(script, "example.py", "exec")


def network_input(
    script: str, path: Path, monkeypatch: pytest.MonkeyPatch, *, answer: np.ndarray | None = None
) -> np.ndarray:
    """What an example feeds to its network (C, H, W), which here answers with it, or `answer`.

    The answer is written beside the input, as `out`.
    """
    fed = []

    def run(_: object, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        fed.append(feeds["source"])
        return [feeds["source"] if answer is None else answer]

    session = SimpleNamespace(run=run)
    onnxruntime = SimpleNamespace(InferenceSession=lambda file: session)
    monkeypatch.setitem(sys.modules, "onnxruntime", onnxruntime)
    monkeypatch.setattr(sys, "argv", ["example.py", str(path), str(path.with_stem("out"))])
    exec(compile(script, "example.py", "exec"), {})
    return fed[0][0]


@pytest.fixture
def plain_model(tmp_path: Path) -> tuple[ModelCard, InferenceNetwork]:
    generator, card = make_model(tmp_path / "model", mode="deterministic")
    return card, InferenceNetwork(generator, "deterministic")


@pytest.mark.parametrize("size", [(80, 100), (4, 5), (4, 7), (16, 33), (33, 16), (40, 41)])
def test_the_example_gives_the_network_the_size_that_the_translator_does(
    size: tuple[int, int],
    plain_model: tuple[ModelCard, InferenceNetwork],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half a pixel is rounded up: (4, 5) becomes (10, 13) where the shorter side has 10 px."""
    card, network = plain_model
    card = dataclasses.replace(card, scale="fit", load_size=10)
    as_png(tmp_path / "in.png", picture((*size, 3), "uint8", 256))
    fed = network_input(example_script(card, network), tmp_path / "in.png", monkeypatch)
    assert fed.shape[1:] == card.image_scale.size_of(*size)


@pytest.mark.parametrize("size", [(75, 100), (20, 50), (600, 600), (32, 32), (33, 17)])
@pytest.mark.parametrize("kernel", ["area", "bilinear", "bicubic", "nearest"])
def test_the_example_gives_the_network_the_values_that_the_translator_does(
    kernel: Kernel,
    size: tuple[int, int],
    plain_model: tuple[ModelCard, InferenceNetwork],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card, network = plain_model
    card = dataclasses.replace(card, source=dataclasses.replace(card.source, kernel=kernel))
    image = picture((*size, 3), "uint8", 128) + np.uint8(64)  # cubic curves stay in the range
    as_png(tmp_path / "in.png", image)
    fed = network_input(example_script(card, network), tmp_path / "in.png", monkeypatch)
    expected = resize(image, *card.image_scale.size_of(*size), kernel=kernel)
    values = np.rint((fed.transpose(1, 2, 0) + 1) * 127.5)
    np.testing.assert_allclose(values, expected, atol=1)  # Pillow rounds 8 bits after each axis


@pytest.mark.parametrize(
    ("dtype", "value_range"),
    [
        ("uint8", (-2.0, 256.0)),  # wider than the integers
        ("uint16", (0.0, 65536.0)),
        ("float32", (1234567.0, 1234577.5)),
        ("float32", (-0.12345678, 3.0)),
    ],
)
def test_the_example_reads_and_writes_the_values_that_the_translator_does(
    dtype: str,
    value_range: tuple[float, float],
    plain_model: tuple[ModelCard, InferenceNetwork],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card, network = plain_model
    numbers = side(2, dtype=dtype, value_range=value_range)
    script = example_script(
        dataclasses.replace(card, source=numbers, target=numbers, scale="none"), network
    )
    image = np.linspace(*np.clip(value_range, 0, None), 32 * 32 * 2).reshape(32, 32, 2)
    if dtype != "float32":
        image = image.clip(0, np.iinfo(dtype).max)
    np.save(tmp_path / "in.npy", image.astype(dtype))
    ends = np.tile(np.float32([-1.1, -1.0, 0.3, 1.0]), 32 * 16).reshape(1, 2, 32, 32)
    fed = network_input(script, tmp_path / "in.npy", monkeypatch, answer=ends)
    expected = to_network(torch.from_numpy(image.astype(dtype))[None], value_range)
    np.testing.assert_allclose(fed, expected[0], rtol=0, atol=1e-5)
    written = from_network(torch.from_numpy(ends), value_range=value_range, dtype=dtype)[0]
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), written, rtol=1e-6)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_turned_as_its_camera_says(
    turn: int,
    plain_model: tuple[ModelCard, InferenceNetwork],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card, network = plain_model
    script = example_script(dataclasses.replace(card, scale="none"), network)
    exif = Image.Exif()
    exif[0x0112] = turn
    path = tmp_path / "in.png"
    Image.fromarray(picture((6, 9, 3), "uint8", 256)).save(path, exif=exif)
    fed = network_input(script, path, monkeypatch)
    expected = read_image(path).transpose(2, 0, 1) * np.float32(2 / 255) - 1
    np.testing.assert_allclose(fed, expected, atol=1e-6)


@pytest.mark.parametrize("files", [[], ["in.png"], ["in.png", "out.png", "more.png"]])
def test_with_other_files_than_two_the_example_says_how_it_is_run(
    files: list[str], tmp_path: Path
) -> None:
    generator, card = make_model(tmp_path / "model")
    script = example_script(card, InferenceNetwork(generator, "deterministic"))
    run = subprocess.run([sys.executable, "-c", script, *files], capture_output=True, text=True)
    assert run.returncode == 1
    assert run.stderr == "Run as: python example.py IN.png OUT.png\n"


@pytest.mark.slow
def test_sources_with_pixels_without_a_value_have_words_in_place_of_an_example(
    tmp_path: Path,
) -> None:
    """Resizing must leave such pixels out, which 20 lines of Pillow do not."""
    generator, card = make_model(
        tmp_path / "model", source=side(3, nodata=0.0), mode="deterministic"
    )
    out = tmp_path / "out"
    out.mkdir()
    files = write_export(out, generator, card, model=MODEL, modes=["deterministic"])
    assert {path.name for path in out.iterdir()} == {file.name for file in files}
    text = readme(MODEL, files, card, samples="noise", has_page=True)
    assert "fill them with -1" in text
    assert "example.py" not in text
