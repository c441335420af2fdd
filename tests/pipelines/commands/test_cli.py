"""The console command `pix2pix`, as a person types it: help, exit codes, completion."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import VERBS, app
from tests.support.console_command import BARE, TOOLS, pix2pix
from tests.support.project import ROOT

NAMES = [verb.__name__.replace("_", "-") for verb in VERBS]


def test_the_verbs_are_those_of_the_documents() -> None:
    expected = (
        "use check summary ui up down apply-tuned translate flicker serve evaluate export promote "
        "rollback lineage reproduce"
    )
    assert expected.split() == NAMES


@pytest.mark.parametrize("verb", NAMES)
def test_the_help_of_each_verb_shows_an_example_that_it_takes(verb: str) -> None:
    shown = CliRunner().invoke(app, [verb, "--help"], prog_name="pix2pix")
    assert shown.exit_code == 0
    assert f"For example: pix2pix {verb}" in " ".join(shown.stdout.split())
    command = typer.main.get_command(app).commands[verb]
    example = command.help.partition("For example: ")[2].splitlines()[0]
    program, name, *words = shlex.split(example)
    assert (program, name) == ("pix2pix", verb)
    command.make_context(f"pix2pix {verb}", words)


def test_the_list_of_verbs_is_whole_sentences() -> None:
    shown = CliRunner().invoke(app, ["--help"], prog_name="pix2pix")
    listed = shown.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == NAMES
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such"], "No such command 'no-such'"),
        (["use"], "name a preset; `pix2pix use --list` lists them"),
        (["lineage"], "name either a model or, with --data, the hash of a data set"),
        (["evaluate"], "Missing option '--model'"),
        (["up", "--concurrency", "0"], "--concurrency"),
        (["up", "--training-slots", "many"], "--training-slots"),
        (
            ["translate", "a", "b", "--model", "x", "--scale", "half"],
            "Invalid value for '--scale': 'half' is not one of 'training', 'native'.",
        ),
        (
            ["translate", "a", "b", "--model", "x", "--max-memory-gib", "0"],
            "Invalid value for '--max-memory-gib'",
        ),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(words: list[str], said: str) -> None:
    shown = CliRunner().invoke(app, words, prog_name="pix2pix")
    assert shown.exit_code == 2
    assert said in shown.stderr


def test_apply_tuned_prints_what_it_changes(folder: Path) -> None:
    missing = pix2pix("apply-tuned")
    assert missing.returncode == 1
    assert "reports/tune/best_params.yaml is missing; run `dvc repro tune`" in missing.stderr
    (folder / "mine.yaml").write_text("train: {learning_rate: 0.001}")
    done = pix2pix("apply-tuned", "mine.yaml")
    assert done.stdout == ("train.learning_rate: 0.0002 -> 0.001\n1 value changed in params.yaml\n")


def test_summary_names_the_stage_that_has_not_run(folder: Path) -> None:
    done = pix2pix("summary")
    assert done.returncode == 1
    assert "is missing; run `dvc repro register`" in done.stderr


def test_ui_names_the_server_that_has_the_runs() -> None:
    done = pix2pix("ui", MLFLOW_TRACKING_URI="https://somebody:secret@mlflow.example")
    assert done.returncode == 0
    server = "https://somebody:***@mlflow.example"
    assert done.stdout.splitlines() == [
        f"the runs are on the MLflow server {server}",
        f"runs    {server}/#/experiments?workflowType=machine_learning",
        f"models  {server}/#/models",
    ]
    assert "secret" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["ui"],
        ["up"],
        ["promote", "foo/1"],
        ["rollback", "foo"],
        ["lineage", "foo/1"],
        ["lineage", "--data", "123"],
        ["serve", "foo"],
        ["evaluate", "--model", "foo"],
        ["reproduce", "foo/1"],
        ["export", "foo/1", "out", "--no-page"],
        ["translate", "params", "out", "--model", "foo"],
    ],
)
def test_outside_the_project_nothing_is_made_and_the_folder_is_named(
    words: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = sorted(folder.rglob("*"))
    done = CliRunner().invoke(app, words, prog_name="pix2pix")
    assert done.exit_code == 1
    assert "run the command in the project's folder, which holds dvc.yaml" in done.stderr
    assert sorted(folder.rglob("*")) == before


def test_in_the_project_a_verb_that_reads_says_what_makes_the_database(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (folder / "dvc.yaml").touch()
    done = CliRunner().invoke(app, ["promote", "foo/1"], prog_name="pix2pix")
    assert done.exit_code == 1
    assert "mlflow.db is missing, which holds runs and models; `make run`" in done.stderr
    assert not (folder / "mlflow.db").exists()


def test_ui_on_a_port_that_is_taken_or_none_is_one_message(folder: Path) -> None:
    (folder / "dvc.yaml").touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = pix2pix("ui", MLFLOW_PORT=str(port))
    assert done.returncode == 75
    assert done.stderr.startswith(f"ERROR port {port} cannot be used (Address already in use)")
    assert "set MLFLOW_PORT to a free port" in done.stderr
    done = pix2pix("ui", MLFLOW_PORT="many")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "MLFLOW_PORT must be a port from 1 to 65535, got 'many'" in done.stderr


def test_down_where_nothing_runs(folder: Path) -> None:
    assert pix2pix("down").stdout == "nothing runs here\n"


@pytest.mark.slow
def test_a_signal_ends_a_verb_with_its_exit_code(folder: Path) -> None:
    """While it waits for a server that has taken the connection and does not answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "-m", "pipelines", "evaluate", "--model", "x"],
            env=os.environ | {"MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        server.settimeout(60)  # the command may end without a request
        connection, _ = server.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate()
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("ERROR interrupted")
    assert "Traceback" not in said


def test_tools_of_the_environment_are_found_where_it_is_not_activated() -> None:
    code = (
        "import os, shutil, sys\n"
        "sys.argv = ['pix2pix', '--help']\n"
        "from pipelines.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(shutil.which('dvc'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PATH": BARE}, cwd=ROOT, capture_output=True, text=True
    )
    assert Path(done.stdout.splitlines()[-1]) == TOOLS / "dvc"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("pix2pix ", NAMES),
        ("pix2pix u", ["use", "ui", "up"]),
        ("pix2pix use s", ["smoke", "super-resolve"]),
        ("pix2pix use d", ["default", "day-to-night", "denoise", "design-to-product"]),
        ("pix2pix translate --scale n", ["native"]),
    ],
)
def test_bash_completes_verbs_presets_and_values(
    folder: Path, typed: str, expected: list[str]
) -> None:
    """By the script that `--install-completion` installs, in a real bash."""
    script = pix2pix("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert script.returncode == 0, script.stderr
    words = typed.split(" ")
    press_tab = (
        f"{script.stdout}\n"
        f"COMP_WORDS=({' '.join(words)})\n"
        f"COMP_CWORD={len(words) - 1}\n"
        "_pix2pix_completion pix2pix\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", press_tab],
        env=os.environ | {"PATH": f"{TOOLS}:{BARE}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == expected


@pytest.mark.slow
def test_a_wheel_has_the_command_and_says_that_both_packages_are_typed(tmp_path: Path) -> None:
    sources = tmp_path / "sources"  # a build leaves files in the folder of its sources
    for package in ("pix2pix", "pipelines"):
        shutil.copytree(ROOT / package, sources / package)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, sources / name)
    command = [sys.executable, "-c", "import setuptools.build_meta as b; b.build_wheel('..')"]
    subprocess.run(command, cwd=sources, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"pix2pix/py.typed", "pipelines/py.typed"} <= names
    [entry_points] = [name for name in names if name.endswith("entry_points.txt")]
    assert "pix2pix = pipelines.cli:main" in zipfile.ZipFile(wheel).read(entry_points).decode()
