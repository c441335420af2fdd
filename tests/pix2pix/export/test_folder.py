"""The exported folder: its files, its example, and its smaller files."""

import dataclasses
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from pix2pix.checkpoint import ModelCard
from pix2pix.errors import UserError
from pix2pix.export import libraries
from pix2pix.export.description import description
from pix2pix.export.example import example_script
from pix2pix.export.folder import write_export
from pix2pix.export.network import exported_program
from pix2pix.export.onnx_model import OnnxNetwork, onnx_model
from pix2pix.export.parity import BatchSize, random_sources
from pix2pix.export.report import readme
from pix2pix.export.samples import Samples
from pix2pix.export.smaller import measure_error, with_half_weights
from pix2pix.inference import Translator
from pix2pix.models import InferenceNetwork
from tests.support.exports import make_model, side

ROOT = Path(__file__).parents[3]
MODEL = "maps version 3"

# As on a machine that has onnxruntime, numpy and Pillow only.
ALONE = """
import sys, runpy
sys.modules |= dict.fromkeys(["torch", "pix2pix", "onnx", "cv2", "scipy"])
sys.argv = ["example.py", *sys.argv[1:]]
runpy.run_path("example.py", run_name="__main__")
"""


def export(folder: Path, **arguments: Any) -> tuple[Path, Translator]:
    """Export a model of random weights; the arguments are those of `make_model`."""
    generator, card = make_model(folder / "model", **arguments)
    out = folder / "out"
    out.mkdir()
    write_export(out, generator, card, model=MODEL, modes=[card.inference_mode])
    return out, Translator.load(folder / "model")


def run_example(out: Path, *files: Path) -> None:
    """Run example.py with files of the sources, and that of the result."""
    command = [sys.executable, "-c", ALONE, *map(str, files)]
    done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_both_modes_and_their_smaller_files_are_written_and_described(tmp_path: Path) -> None:
    generator, card = make_model(tmp_path / "model")
    samples = Samples([random_sources(BatchSize(1, 40, 33), 3)], "a random image")
    files = write_export(
        tmp_path,
        generator,
        card,
        model=MODEL,
        modes=["published", "deterministic"],
        smaller=["fp16", "int8"],
        samples=samples,
    )
    on_disk = {path.name for path in tmp_path.iterdir() if path.is_file()}
    named = {file.name: file for file in files}
    assert set(named) == {
        f"{mode}{kind}"
        for mode in ("published", "deterministic")
        for kind in (".onnx", ".pt2", ".fp16.onnx", ".int8.onnx")
    }
    assert on_disk == {*named, "example.py", "published.masks.npz"}
    for name, file in named.items():
        content = (tmp_path / name).read_bytes()
        assert (file.num_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert (file.parity is None) == (file.error is not None)
        assert not _names_this_machine(tmp_path / name)
    for mode in ("published", "deterministic"):
        exact, half, eighth = (named[f"{mode}{kind}.onnx"] for kind in ("", ".fp16", ".int8"))
        assert exact.num_bytes > 1.5 * half.num_bytes > 2 * eighth.num_bytes
        assert 0 < half.error.mean < eighth.error.mean < 0.1
        # The smaller files say the same about their use.
        assert _metadata(tmp_path / half.name) == _metadata(tmp_path / exact.name)
        assert _metadata(tmp_path / eighth.name) == _metadata(tmp_path / exact.name)
        described = {"pix2pix.json": ""}
        torch.export.load(tmp_path / f"{mode}.pt2", extra_files=described)
        assert json.loads(described["pix2pix.json"])["inference_mode"] == mode


def _names_this_machine(path: Path) -> bool:
    """Whether a file holds the path of this checkout."""
    contents = [path.read_bytes()]
    if path.suffix == ".pt2":
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
    return any(str(ROOT).encode() in content for content in contents)


def _metadata(path: Path) -> dict[str, str]:
    properties = onnx.load(path).metadata_props
    return {each.key: each.value for each in properties if each.key.startswith("pix2pix.")}


def test_the_error_of_half_weights_is_that_of_rounding_them(tmp_path: Path) -> None:
    """The same network in torch, with its convolutions' weights rounded to fp16."""
    generator, card = make_model(tmp_path / "model")
    network = InferenceNetwork(generator, "deterministic")
    source = random_sources(BatchSize(1, 64, 64), 3)
    model = onnx_model(exported_program(network), description(card, network, model=MODEL))
    smaller, exact = (
        OnnxNetwork(each.SerializeToString()) for each in (with_half_weights(model), model)
    )
    error = measure_error(smaller, exact, [(source, [])])
    before = network(source)
    for block in (*network.down, *network.up):
        block.weight = block.weight.half().float()
    expected = (network(source) - before).abs()
    assert error.largest == pytest.approx(float(expected.max()), abs=1e-5)
    assert error.mean == pytest.approx(float(expected.mean()), abs=1e-6)


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


def cards(card: ModelCard) -> Iterator[ModelCard]:
    sides = [
        side(1),
        side(4),
        side(5),
        side(1, dtype="uint16", value_range=(0.0, 65535.0)),
        side(3, dtype="float32", value_range=(-1000.0, 1000.0)),
        side(1, num_labels=5, void_label=255, value_range=(0.0, 5.0), kernel="nearest"),
    ]
    scales = [{}, {"scale": "fit", "load_size": 40}, {"scale": "none", "target_scale": 2.0}]
    for source in sides:
        for target in sides:
            for scale in scales:
                yield dataclasses.replace(card, source=source, target=target, **scale)


def test_every_example_is_python_of_at_most_20_lines(tmp_path: Path) -> None:
    generator, card = make_model(tmp_path / "model")
    for mode in ("published", "deterministic"):
        network = InferenceNetwork(generator, mode)
        for each in cards(card):
            script = example_script(each, network)
            assert len(script.splitlines()) <= 20, script
            compile(script, "example.py", "exec")


def test_missing_libraries_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    libraries.check_libraries()
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(UserError, match=r"needs onnx: .*pip install 'pix2pix-pipeline\[export\]'"):
        libraries.check_libraries()


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
