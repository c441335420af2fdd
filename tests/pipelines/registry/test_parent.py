"""Reading what `train.init_from` names, from a real MLflow, folders and published files."""

import hashlib
import shutil
from pathlib import Path

import pytest
import torch
from mlflow import MlflowClient
from safetensors.torch import load_file
from torch import nn

from pipelines.evaluation.model_content import content_hash
from pipelines.registry import parent as module
from pipelines.registry.champion import promote
from pipelines.registry.parent import read_parent
from pix2pix.checkpoint import (
    DISCRIMINATOR_FILE,
    GENERATOR_FILE,
    load_discriminator,
    load_generator,
)
from pix2pix.errors import UserError
from pix2pix.model_card import CARD_FILE
from pix2pix.models import GeneratorConfig, UNetGenerator
from pix2pix.models.transfer import ParentNetworks
from pix2pix.parent import Parent
from tests.support.registered_project import MODEL, MODELS, register_model, train

FIRST = f"models:/{MODEL}/1"
RECORDED = Path(__file__).parents[2] / "data" / "unet128_small.safetensors"
NOWHERE = "http://127.0.0.1:9"  # the port of `discard`, where nothing listens


def assert_equal(one: nn.Module | None, other: nn.Module | None) -> None:
    assert one is not None
    assert other is not None
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


def assert_is_model(parent: Parent, model_dir: Path) -> None:
    """Whether the parent is the model of that folder, bit for bit."""
    generator, card = load_generator(model_dir)
    assert parent.card == card
    assert parent.model_sha256 == content_hash(model_dir)
    assert_equal(parent.networks.generator, generator)
    assert_equal(parent.networks.discriminator, load_discriminator(model_dir)[0])


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """The recorded published networks as the files of the original code."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    recorded = load_file(RECORDED)
    for network, letter in (("generator", "G"), ("discriminator", "D")):
        weights = {
            key.removeprefix(f"{network}."): value
            for key, value in recorded.items()
            if key.startswith(f"{network}.")
        }
        torch.save(weights, folder / f"latest_net_{letter}.pth")
    return folder / "latest_net_G.pth"


@pytest.mark.slow
def test_a_registered_version_is_read_with_both_networks_and_only_once(
    workspace: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(0)
    register_model()
    parent = read_parent(FIRST, "both", uri=uri, fetched=None)
    assert_is_model(parent, MODELS)
    assert parent.reference == FIRST
    alone = read_parent(FIRST, "generator", uri=uri, fetched=parent)
    assert alone.networks.discriminator is None
    monkeypatch.delattr(module, "downloaded")
    assert read_parent(FIRST, "both", uri=uri, fetched=parent) is parent


@pytest.mark.slow
def test_a_version_that_may_change_is_refused_with_its_number(workspace: Path, uri: str) -> None:
    train(0)
    register_model()
    promote(MlflowClient(uri), FIRST)
    for reference in (f"models:/{MODEL}@champion", f"models:/{MODEL}"):
        with pytest.raises(UserError, match=rf"version 1 now and may be .* write {FIRST}$"):
            read_parent(reference, "both", uri=uri, fetched=None)
    with pytest.raises(
        UserError, match=r"^train\.init_from: .* has no version 2; there are the versions 1"
    ):
        read_parent(f"models:/{MODEL}/2", "both", uri=uri, fetched=None)
    with pytest.raises(UserError, match=r"no version of a registered model 'other'"):
        read_parent("models:/other/1", "both", uri=uri, fetched=None)
    with pytest.raises(UserError, match="names no model"):
        read_parent(f"models:/{MODEL}/latest", "both", uri=uri, fetched=None)


@pytest.mark.slow
def test_of_a_registry_that_does_not_answer_only_what_was_fetched_before_is_used(
    workspace: Path, uri: str, capsys: pytest.CaptureFixture[str]
) -> None:
    train(0)
    register_model()
    fetched = read_parent(FIRST, "both", uri=uri, fetched=None)
    with pytest.raises(ConnectionError, match="cannot be used"):
        read_parent(FIRST, "both", uri=NOWHERE, fetched=None)
    with pytest.raises(ConnectionError, match="cannot be used"):
        read_parent(FIRST, "generator", uri=NOWHERE, fetched=fetched)
    assert read_parent(FIRST, "both", uri=NOWHERE, fetched=fetched) is fetched
    assert f"Going on with {FIRST} as it was fetched before" in capsys.readouterr().err


def test_what_was_fetched_of_another_version_or_of_fewer_networks_is_not_used() -> None:
    config = GeneratorConfig(base_channels=2, depth=5)
    networks = ParentNetworks(UNetGenerator(config), None)
    fetched = Parent(reference=FIRST, model_sha256="0" * 64, networks=networks, card=None)
    for reference, which in ((f"models:/{MODEL}/2", "generator"), (FIRST, "both")):
        with pytest.raises(ConnectionError, match="cannot be used"):
            read_parent(reference, which, uri=NOWHERE, fetched=fetched)
    assert read_parent(FIRST, "generator", uri=NOWHERE, fetched=fetched) is fetched


@pytest.mark.slow
def test_a_version_without_a_discriminator_is_refused_with_what_remains(
    workspace: Path, uri: str, tmp_path: Path
) -> None:
    """Such as those that were registered before packages had one."""
    train(0)
    register_model()
    (found,) = (tmp_path / "mlflow").rglob(DISCRIMINATOR_FILE)
    found.unlink()
    with pytest.raises(UserError, match=r"has no discriminator; set train\.init_networks: gen"):
        read_parent(FIRST, "both", uri=uri, fetched=None)
    assert read_parent(FIRST, "generator", uri=uri, fetched=None).which == "generator"


def test_a_model_folder_is_read_as_its_version_would_be(workspace: Path, uri: str) -> None:
    train(0)
    shutil.copytree(MODELS, "elsewhere")
    parent = read_parent("elsewhere", "both", uri=uri, fetched=None)
    assert_is_model(parent, Path("elsewhere"))
    assert parent.reference == "elsewhere"


def test_the_folder_that_the_training_writes_is_refused(workspace: Path, uri: str) -> None:
    train(0)
    for reference in ("models", "./models/", str(MODELS.resolve()), "models/generator.safetensors"):
        with pytest.raises(UserError, match="is what the training itself writes"):
            read_parent(reference, "both", uri=uri, fetched=None)


@pytest.mark.parametrize("missing", [GENERATOR_FILE, CARD_FILE])
def test_a_folder_that_is_no_model_is_named(workspace: Path, uri: str, missing: str) -> None:
    train(0)
    shutil.copytree(MODELS, "elsewhere")
    Path("elsewhere", missing).unlink()
    with pytest.raises(UserError) as caught:
        read_parent("elsewhere", "both", uri=uri, fetched=None)
    assert str(caught.value) == (
        f"train.init_from: elsewhere/{missing} is missing, so elsewhere is no model folder; name "
        "one that the stage `train` wrote, or a registered version"
    )


def test_published_files_are_read_with_the_discriminator_beside_them(
    published: Path, uri: str
) -> None:
    recorded = load_file(RECORDED)
    parent = read_parent(str(published), "both", uri=uri, fetched=None)
    assert parent.card is None
    assert parent.model_sha256 == hashlib.sha256(published.read_bytes()).hexdigest()
    with torch.no_grad():
        fake = parent.networks.generator.eval()(recorded["input"])
        pair = torch.cat([recorded["input"], recorded["target"]], dim=1)
        assert parent.networks.discriminator is not None
        logits = parent.networks.discriminator.eval()(pair)
    torch.testing.assert_close(fake, recorded["output.eval"], atol=1e-5, rtol=0)
    torch.testing.assert_close(logits, recorded["logits.eval"], atol=1e-5, rtol=0)


def test_without_the_published_discriminator_only_the_generator_is_read(
    published: Path, uri: str
) -> None:
    published.with_name("latest_net_D.pth").unlink()
    with pytest.raises(UserError, match=r"latest_net_D\.pth; set train\.init_networks: generator"):
        read_parent(str(published), "both", uri=uri, fetched=None)
    alone = read_parent(str(published), "generator", uri=uri, fetched=None)
    assert alone.networks.discriminator is None


@pytest.mark.parametrize("content", [b"", b"onnx", "truncated", "code", "discriminator"])
def test_a_file_of_something_else_is_refused_and_runs_no_code(
    published: Path, uri: str, content: bytes | str, tmp_path: Path
) -> None:
    trace = tmp_path / "was-run"
    if content == "truncated":
        published.write_bytes(published.read_bytes()[:5000])
    elif content == "code":
        torch.save(_Hostile(trace), published)
    elif content == "discriminator":
        published.write_bytes(published.with_name("latest_net_D.pth").read_bytes())
    else:
        assert isinstance(content, bytes)
        published.write_bytes(content)
    with pytest.raises(UserError, match=r"^train\.init_from: .*latest_net_G\.pth: "):
        read_parent(str(published), "both", uri=uri, fetched=None)
    assert not trace.exists()


class _Hostile:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self._trace,)


@pytest.mark.parametrize("reference", ["nowhere", "other/3", "runs:/abc/model", "s3://bucket/x"])
def test_what_is_not_there_is_refused_with_what_may_be_written(reference: str, uri: str) -> None:
    with pytest.raises(UserError, match=r"no file or folder here; write models:/NAME/VERSION"):
        read_parent(reference, "both", uri=uri, fetched=None)
