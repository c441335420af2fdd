"""dvc.yaml agrees with the code: each stage lists all that its results depend on, and no more."""

import ast
import dataclasses
from pathlib import Path
from typing import Any

import grimp
import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from benchmarks.bench import result_paths
from pipelines import page_runtime
from pix2pix.config import EXECUTION_KEYS, load_params

ROOT = Path(__file__).parents[3]
DVC_YAML: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")
STAGES: dict[str, Any] = DVC_YAML["stages"]

# How any stage ends, what it has begun with, and what places a training, keeps it and follows it:
# no result is a function of these.
_AROUND = ("entrypoint.py", "processes/", "repository/")
_AROUND_A_TRAINING = (*_AROUND, "cluster/", "evaluation/", "runs/", "tracking/")
# No part of what `prepare` makes: of the first two ingest made data/raw, and the name is that of
# the registered model.
NOT_PREPARE_S = {
    "data.synthetic",
    "data.archive",
    "data.name",
    "data.crops_per_pair",  # of training alone
}

# The graph of all imports, those inside functions included.
IMPORTS = grimp.build_graph(
    "pipelines", "pix2pix", exclude_type_checking_imports=True, cache_dir=None
)


def _sources(stage: str) -> set[str]:
    """Return the project's files with code that the stage imports, directly or indirectly."""
    module = f"pipelines.stages.{stage}"
    modules = {"pipelines", "pipelines.stages", module, *IMPORTS.find_upstream_modules(module)}
    return {path for path in map(_file, modules) if _has_code(ROOT / path)}


def _file(module: str) -> str:
    path = Path(*module.split("."))
    return (path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")).as_posix()


def _has_code(path: Path) -> bool:
    """Return whether the file has more than a docstring."""
    tree = ast.parse(path.read_text())
    return len(tree.body) > 1 or ast.get_docstring(tree) is None


@pytest.mark.slow
@pytest.mark.parametrize("stage", sorted(STAGES))
def test_each_source_that_a_stage_imports_is_a_dependency(stage: str) -> None:
    dependencies = STAGES[stage]["deps"]
    places = _AROUND_A_TRAINING if stage in ("train", "tune") else _AROUND
    around = tuple(f"pipelines/{place}" for place in places)
    uncovered = {
        source
        for source in _sources(stage)
        if not any(source == dep or source.startswith(f"{dep}/") for dep in dependencies)
    }
    assert {source for source in uncovered if not source.startswith(around)} == set()


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_each_source_that_a_stage_lists_exists_and_is_imported(stage: str) -> None:
    sources = _sources(stage)
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith(("pipelines", "pix2pix"))}
    unused = {
        dep for dep in listed if not any(s == dep or s.startswith(f"{dep}/") for s in sources)
    }
    assert unused == set()
    assert all((ROOT / dep).exists() for dep in listed)


def test_a_training_does_not_depend_on_evaluation_or_tracking() -> None:
    dependencies = STAGES["train"]["deps"]
    assert not any("evaluation" in dep or "tracking" in dep for dep in dependencies)


def test_a_study_depends_on_all_that_a_training_needs_and_no_stage_on_a_study() -> None:
    tune, train = STAGES["tune"], STAGES["train"]
    # Schedulers stop trials, and each has one sample grid.
    unused = {"train.early_stopping_epochs", "train.sample_every_epochs"}
    assert set(tune["params"]) == set(train["params"]) - unused | {"tune"}
    code = {dep for dep in train["deps"] if not dep.startswith("pipelines/stages/")}
    assert code - set(tune["deps"]) == {"pix2pix/checkpoint.py"}  # a study writes no model
    assert not any("reports/tune" in dep for stage in STAGES.values() for dep in stage["deps"])


def test_every_parameter_belongs_to_a_stage_and_every_listed_parameter_exists() -> None:
    params = dataclasses.asdict(load_params(ROOT / "params.yaml"))
    listed = {name for stage in STAGES.values() for name in stage["params"]}
    known = set(params) | {f"{name}.{key}" for name in ("data", "train") for key in params[name]}
    assert listed - known == set()
    covered = {name for name in known if name in listed or name.split(".")[0] in listed}
    assert known - covered - {"data", "train"} == {f"train.{key}" for key in EXECUTION_KEYS}


def test_another_name_of_the_data_makes_only_register_run_again() -> None:
    assert [name for name, stage in STAGES.items() if "data.name" in stage["params"]] == [
        "register"
    ]


def test_prepare_lists_every_data_parameter_that_it_reads() -> None:
    data = dataclasses.asdict(load_params(ROOT / "params.yaml"))["data"]
    expected = {f"data.{key}" for key in data} - NOT_PREPARE_S
    assert set(STAGES["prepare"]["params"]) == expected


def test_register_depends_on_every_output_before_it() -> None:
    # A study is no part of a training, and data/prepared stands for data/raw.
    outputs = {out for name in STAGES if name not in ("register", "tune") for out in _outputs(name)}
    assert outputs - {"data/raw"} - set(STAGES["register"]["deps"]) == set()


def test_what_make_web_puts_beside_the_code_changes_no_stage() -> None:
    """DVC hashes whole packages; they would have other hashes wherever pages are exported."""
    folder = ROOT / "pipelines" / "page_runtime"
    with Repo(str(ROOT)) as repo:
        ignored = repo.dvcignore.is_ignored_file
        assert ignored(str(folder / page_runtime.WASM_NAME))
        assert ignored(str(folder / page_runtime.SCRIPT_NAME))
        assert not ignored(str(folder / "__init__.py"))


def test_plots_are_of_files_that_a_run_without_a_search_makes_or_that_git_has() -> None:
    made = {out for name in STAGES if name != "tune" for out in _outputs(name)}
    plotted = {path for plot in DVC_YAML["plots"] for path in _plotted_files(plot)}
    assert {ROOT / path for path in plotted - made} == set(result_paths())


def _outputs(stage: str) -> list[str]:
    """The files and folders that a stage writes. An entry is a mapping where it has settings."""
    outs = [*STAGES[stage]["outs"], *STAGES[stage].get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in outs]


def _plotted_files(plot: str | dict[str, Any]) -> list[str]:
    """The files or folders of an entry of `plots`: its name, or the keys of its `y`."""
    if isinstance(plot, str):
        return [plot]
    (content,) = plot.values()
    return list(content["y"])
