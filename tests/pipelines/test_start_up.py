"""What is started often or by a person does not wait for libraries that it does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("ray", "mlflow", "prefect", "dvc", "optuna", "matplotlib")
SCORES = ("torchvision", "torchmetrics", "torch_fidelity")  # only the evaluation needs them
ARRAYS = ("numpy", "torch", "cv2", "albumentations", "scipy", "pandas")

FORBIDDEN = {
    "pix2pix": (*TOOLS, *SCORES, *ARRAYS),
    "pix2pix.training": (*TOOLS, *SCORES, "cv2", "albumentations", "scipy", "pandas"),
    "pix2pix.inference": (*TOOLS, *SCORES, "albumentations", "scipy", "pandas"),
    "pipelines.cli": (*TOOLS, *SCORES, *ARRAYS),
    "pipelines.stages.parent": (*TOOLS, *SCORES, *ARRAYS),
    "pipelines.stages.register": (*TOOLS, *SCORES, *ARRAYS),
    # The last command of each flow run.
    "pipelines.registry.link": (*(tool for tool in TOOLS if tool != "mlflow"), *SCORES, "torch"),
    # The processes that check and prepare large sets import this, as their main module.
    "pipelines.stages.prepare": (*TOOLS, *SCORES, "torch", "albumentations", "scipy", "pandas"),
    "pix2pix.data.loader": (*TOOLS, *SCORES, "albumentations", "scipy", "pandas"),
    # The stage imports the modules of its workers, too, but only a worker makes batches before the
    # first step.
    "pipelines.stages.train": (
        *("mlflow", "prefect", "optuna", "matplotlib", "albumentations", "scipy"),
        *SCORES,
    ),
    "pipelines.tuning.trial": ("mlflow", "prefect", "dvc", "optuna", "matplotlib", *SCORES),
    # The actor that passes messages on.
    "pipelines.cluster.mailbox": ("torch", "mlflow", "prefect", "dvc", *SCORES),
}


def imported(statements: str) -> set[str]:
    """The modules that a new Python has after these statements."""
    code = f"{statements}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n")[-2].split())


@pytest.mark.slow  # Python imports torch or Ray
@pytest.mark.parametrize("module", FORBIDDEN)
def test_an_import_leaves_out_what_the_module_does_not_need(module: str) -> None:
    assert not imported(f"import {module}") & set(FORBIDDEN[module])


def test_help_leaves_out_all_large_libraries() -> None:
    show_help = "import sys; from pipelines.cli import app; app(['--help'], standalone_mode=False)"
    assert not imported(show_help) & {*TOOLS, *SCORES, *ARRAYS, "pydantic"}


def test_every_verb_shows_its_help_without_large_libraries() -> None:
    verbs = "import sys; from pipelines.cli import VERBS, app\n" + (
        "for verb in VERBS: app([verb.__name__.replace('_', '-'), '--help'], standalone_mode=False)"
    )
    assert not imported(verbs) & {*TOOLS, *SCORES, *ARRAYS}


def test_a_wrong_input_of_translate_is_named_before_large_libraries_are_imported() -> None:
    run = (
        "from pipelines.cli import app\n"
        "try: app(['translate', 'none.png', 'out.png', '--model', 'x'], standalone_mode=False)\n"
        "except SystemExit as end: assert end.code == 1"
    )
    assert not imported(run) & {*TOOLS, *SCORES, *ARRAYS}


def test_the_console_command_is_the_one_that_was_looked_at() -> None:
    scripts = Path("pyproject.toml").read_text(encoding="utf-8")
    assert 'pix2pix = "pipelines.cli:main"' in scripts
