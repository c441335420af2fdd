"""Presets: the complete default, and files that hold only what they change in it."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from pipelines.repository.presets import (
    complete_preset,
    preset_mappings,
    preset_names,
    preset_params,
    preset_sentences,
    use_preset,
)
from pix2pix.config import Params, load_params
from pix2pix.config.yaml_file import read_yaml
from pix2pix.errors import StorageError, UserError
from pix2pix.tuning.space import check_space
from tests.support.file_size_limit import files_of_at_most

ROOT = Path(__file__).parents[3]
NAMES = preset_names(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a copy of the presets, and no params.yaml."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    return tmp_path


def test_the_presets_are_those_that_the_documents_name() -> None:
    assert {"default", "reference", "smoke"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_complete_and_has_the_values_of_its_file(
    name: str, default_params: Params
) -> None:
    changes = read_yaml(ROOT / "params" / f"{name}.yaml")
    expected = _merged(dataclasses.asdict(default_params), changes)
    assert _as_json(dataclasses.asdict(preset_params(name, ROOT))) == _as_json(expected)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_can_be_searched(name: str) -> None:
    check_space(preset_params(name, ROOT))


def test_the_mappings_hold_what_the_texts_hold() -> None:
    expected = {name: dataclasses.asdict(preset_params(name, ROOT)) for name in NAMES}
    assert preset_mappings(ROOT) == expected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "default"])
def test_a_preset_holds_only_what_it_changes(name: str, default_params: Params) -> None:
    changes = _leaves(read_yaml(ROOT / "params" / f"{name}.yaml"))
    same = _leaves(_as_json(dataclasses.asdict(default_params))).items() & changes.items()
    assert same == set()


def test_the_smoke_preset_is_short(root: Path) -> None:
    lines = (root / "params" / "smoke.yaml").read_text().splitlines()
    assert len([line for line in lines if line and not line.startswith("#")]) <= 15


def test_the_project_is_committed_with_the_default(root: Path) -> None:
    assert (root / "params.yaml").read_text() == complete_preset("default", root)


def test_the_complete_text_differs_from_the_default_in_the_changed_lines_alone(root: Path) -> None:
    """Comments and the order of the keys are those of the default."""
    default, smoke = (complete_preset(name, root).splitlines() for name in ("default", "smoke"))
    assert smoke[1] == (root / "params" / "smoke.yaml").read_text().splitlines()[1]
    pairs = list(zip(default[3:], smoke[3:], strict=True))
    changed = [(old, new) for old, new in pairs if old != new]
    assert len(changed) == len(_leaves(read_yaml(root / "params" / "smoke.yaml")))
    for old, new in changed:
        assert old.partition(":")[0] == new.partition(":")[0]
        assert old.partition("#")[2] == new.partition("#")[2]


def test_the_reference_preset_is_the_published_recipe(root: Path) -> None:
    """Field facts: batch 1, Adam 2e-4/0.5/0.999, 100 + 100 epochs, lambda 100, 286 -> 256."""
    params = preset_params("reference", root)
    train, model = params.train, params.model
    assert (train.batch_size, train.learning_rate, train.beta1, train.beta2) == (
        1,
        2e-4,
        0.5,
        0.999,
    )
    assert (train.num_epochs, train.num_decay_epochs, train.lambda_l1) == (100, 100, 100.0)
    assert (params.data.load_size, params.data.image_size, params.depth) == (286, 256, 8)
    assert (model.base_channels, model.discriminator_channels) == (64, 64)
    assert (model.norm, model.dropout, model.discriminator_layers) == ("batch", 0.5, 3)
    assert params.data.resize_kernel == "bicubic"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {num_epoch: 3}", "there is no key train.num_epoch to override"),
        ("trains: {seed: 3}", "there is no key trains to override"),
        ("train: {num_epochs: many}", "train.num_epochs: Input should be a valid integer"),
        ("train: 3", "train is a section: name the keys"),
        ("- train", "must hold sections"),
        ("# nothing", "holds no parameters"),
        ("train: [", "is not valid YAML"),
    ],
)
def test_a_preset_that_does_not_fit_is_named_with_its_key_and_nothing_is_written(
    project: Path, text: str, message: str
) -> None:
    use_preset("default", project)
    before = (project / "params.yaml").read_bytes()
    (project / "params" / "mine.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        use_preset("mine", project)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(project / "params" / "mine.yaml"))
    assert (project / "params.yaml").read_bytes() == before


@pytest.mark.parametrize("name", ["zzz", "../params", "", "/etc/passwd"])
def test_an_unknown_preset_is_refused_with_the_names_that_there_are(
    project: Path, name: str
) -> None:
    names = ", ".join(each.removeprefix("tasks/") for each in NAMES)
    with pytest.raises(UserError, match=f"is no preset; there are: {names}$"):
        use_preset(name, project)
    assert not (project / "params.yaml").exists()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("smok", "smoke"),
        ("smoke.yaml", "smoke"),
        ("colorize", "colourise"),
        ("tasks/colorise", "colourise"),
        ("label-to-photo", "labels-to-photo"),
    ],
)
def test_a_mistyped_preset_is_refused_with_the_one_that_was_meant(
    project: Path, typed: str, meant: str
) -> None:
    with pytest.raises(UserError, match=rf"is no preset; did you mean {meant}\? There are: def"):
        use_preset(typed, project)


def test_another_folder_than_the_project_is_named_as_the_mistake(tmp_path: Path) -> None:
    for call in (
        lambda: use_preset("smoke", tmp_path),
        lambda: preset_sentences(tmp_path),
        lambda: load_params(tmp_path / "params.yaml"),
    ):
        with pytest.raises(UserError, match=r"in the project's folder, which holds dvc\.yaml"):
            call()


def test_using_a_preset_returns_the_values_that_it_replaces(project: Path) -> None:
    assert use_preset("default", project) is None  # there was no file
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("num_epochs: 9", "num_epochs: 77"))
    (project / "params" / "mine.yaml").write_text("train: {seed: 3}")
    assert use_preset("mine", project) == {
        "train.num_epochs": ("77", "9"),
        "train.seed": ("0", "3"),
    }
    assert load_params(path) == preset_params("mine", project)
    assert use_preset("mine", project) == {}
    path.write_text("no parameters")
    assert use_preset("mine", project) is None


def test_if_params_yaml_cannot_be_written_it_stays_as_it_is(project: Path) -> None:
    use_preset("default", project)
    before = (project / "params.yaml").read_bytes()
    with (
        files_of_at_most(100),
        pytest.raises(StorageError, match=r"params\.yaml cannot be written"),
    ):
        use_preset("smoke", project)
    assert (project / "params.yaml").read_bytes() == before


def _merged(mapping: dict[str, object], changes: dict[str, object]) -> dict[str, object]:
    merged = dict(mapping)
    for key, value in changes.items():
        current = mapping[key]
        if isinstance(current, dict) and isinstance(value, dict):
            merged[key] = _merged(current, value)
        else:
            merged[key] = value
    return merged


def _leaves(mapping: dict[str, object], prefix: str = "") -> dict[str, str]:
    """Return dotted keys and their values as JSON."""
    leaves: dict[str, str] = {}
    for key, value in mapping.items():
        if isinstance(value, dict):
            leaves |= _leaves(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = json.dumps(value)
    return leaves


def _as_json(mapping: dict[str, object]) -> dict[str, object]:
    """Return the mapping with lists in place of tuples."""
    loaded: dict[str, object] = json.loads(json.dumps(mapping))
    return loaded
