"""The exported folder: its files, and its smaller ones."""

import hashlib
import json
import zipfile
from pathlib import Path

import onnx
import pytest
import torch

from pix2pix.errors import UserError
from pix2pix.export import libraries
from pix2pix.export.description import description
from pix2pix.export.folder import write_export
from pix2pix.export.network import exported_program
from pix2pix.export.onnx_model import OnnxNetwork, onnx_model
from pix2pix.export.parity import BatchSize, Parity, random_sources
from pix2pix.export.samples import Samples
from pix2pix.export.smaller import MeasuredError, measure_error, with_half_weights
from pix2pix.models import InferenceNetwork
from tests.support.exports import MODEL, make_model

ROOT = Path(__file__).parents[3]


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
        is_smaller = name.endswith((".fp16.onnx", ".int8.onnx"))
        assert isinstance(file.difference, MeasuredError if is_smaller else Parity)
        assert not _names_this_machine(tmp_path / name)
    for mode in ("published", "deterministic"):
        exact, half, eighth = (named[f"{mode}{kind}.onnx"] for kind in ("", ".fp16", ".int8"))
        assert exact.num_bytes > 1.5 * half.num_bytes > 2 * eighth.num_bytes
        assert 0 < half.difference.mean < eighth.difference.mean < 0.1
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


@pytest.mark.slow
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


def test_missing_libraries_are_named_with_the_command_that_installs_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    libraries.check_libraries()
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == "onnx" else name)
    with pytest.raises(UserError, match=r"needs onnx: .*pip install -e '\.\[export\]'"):
        libraries.check_libraries()
