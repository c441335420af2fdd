"""Writing the overrides of a run into params.yaml."""

from pathlib import Path

import pytest

from pipelines.repository.params_file import override_params
from pix2pix.config import load_params
from pix2pix.errors import UserError


def test_only_the_named_values_change_and_comments_stay(tmp_path: Path, root: Path) -> None:
    text = (root / "params" / "default.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(text)
    override_params(
        tmp_path,
        {"train": {"num_workers": [1, 2], "learning_rate": 0.001, "batch_size": 2}},
    )
    before, after = text.splitlines(), path.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert [old.split(":")[0].strip() for old, _ in changed] == [
        "batch_size",
        "learning_rate",
        "num_workers",
    ]
    assert "# or [min, max]: as many as the cluster has room for" in changed[2][1]
    train = load_params(path).train
    assert (train.batch_size, train.learning_rate, train.num_workers) == (2, 0.001, (1, 2))


def test_an_unknown_key_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("train:\n  seed: 0\n")
    with pytest.raises(ValueError, match=r"params\.yaml: there is no key train\.sead to override"):
        override_params(tmp_path, {"train": {"seed": 1, "sead": 2}})
    assert path.read_text() == "train:\n  seed: 0\n"


@pytest.mark.parametrize(
    ("text", "overrides", "reason"),
    [
        ("train:\n  seed: 0\n", {"train": 3}, "train is a section"),
        (
            "train:\n  seed: 0\n",
            {"train": {"seed": {"x": 1}}},
            r"no key train\.seed\.x to override",
        ),
        ("train:\n", {"train": {"seed": 1}}, r"no key train\.seed to override"),
        ("- 1\n", {"train": {"seed": 1}}, "no key train to override"),
        ("", {"train": {"seed": 1}}, "no key train to override"),
        ("train: [1", {"train": {"seed": 1}}, "is not valid YAML"),
        ("a: 1\na: 2\n", {"a": 3}, "is not valid YAML"),
    ],
)
def test_a_file_or_an_override_of_another_shape_is_one_message(
    tmp_path: Path, text: str, overrides: dict[str, object], reason: str
) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=rf"params\.yaml.*{reason}"):
        override_params(tmp_path, overrides)
    assert path.read_text() == text


def test_a_project_without_parameters_is_one_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"params\.yaml is missing"):
        override_params(tmp_path, {"train": {"seed": 1}})
