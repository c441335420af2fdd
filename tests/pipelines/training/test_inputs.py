"""What is checked before a training or a study starts."""

import dataclasses
from pathlib import Path

import pytest

from pipelines.paths import RUNS_DIR
from pipelines.runs.parent import ParentFile
from pipelines.training import inputs
from pipelines.training.inputs import checked_inputs
from pix2pix.config import Params
from pix2pix.data.manifest import Manifest
from pix2pix.errors import UserError
from pix2pix.models import PatchDiscriminator, UNetGenerator, network_configs
from pix2pix.models.transfer import ParentNetworks
from pix2pix.parent import Parent
from tests.support.small_training import with_train
from tests.support.tracked_project import small_manifest


@pytest.fixture
def manifest(small_params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """That of the prepared data of the current folder."""
    monkeypatch.chdir(tmp_path)
    manifest = small_manifest(small_params)
    monkeypatch.setattr(inputs, "load_manifest", lambda _: manifest)
    return manifest


def test_they_are_the_data_and_the_place_of_the_state_and_surprises_are_said(
    manifest: Manifest, small_params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = checked_inputs(small_params, batch_size=2)
    assert (found.manifest, found.parent, found.parent_sha256) == (manifest, None, None)
    assert found.storage.path == str(RUNS_DIR.resolve())
    assert [text.partition(":")[0] for text in caplog.messages] == ["model.dropout"]
    elsewhere = with_train(small_params, storage_path=str(tmp_path / "elsewhere"))
    assert checked_inputs(elsewhere, batch_size=2).storage.path == str(tmp_path / "elsewhere")


@pytest.mark.parametrize(("channels", "is_refused"), [(4, False), (8, True)])
def test_a_parent_of_other_networks_is_refused(
    manifest: Manifest,
    small_params: Params,
    monkeypatch: pytest.MonkeyPatch,
    channels: int,
    is_refused: bool,
) -> None:
    model = dataclasses.replace(small_params.model, base_channels=channels)
    generator, discriminator = network_configs(dataclasses.replace(small_params, model=model))
    networks = ParentNetworks(UNetGenerator(generator), PatchDiscriminator(discriminator))
    parent = Parent(reference="models:/x/1", model_sha256="0" * 64, networks=networks, card=None)
    file = ParentFile(Path("parent"), parent, "1" * 64)
    monkeypatch.setattr(inputs, "read_parent_file", lambda *_: file)
    if is_refused:
        with pytest.raises(UserError, match="base_channels"):
            checked_inputs(small_params, batch_size=2)
    else:
        assert checked_inputs(small_params, batch_size=2).parent_sha256 == "1" * 64
