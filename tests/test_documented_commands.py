"""What the READMEs, CONTRIBUTING and docs/ tell to type is taken by the tool that it calls.

The long ones are only read by the tool's own parser; other tests run them: `dvc repro` and `dvc
plots show` test_pipeline.py, `make up` and Prefect's tests/pipelines/served. docs/cluster.md has a
test of its own in tests/deploy.
"""

import contextlib
import importlib.util
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import typer
from cyclopts import CycloptsError
from dvc.cli import DvcParserError
from dvc.cli.parser import get_main_parser
from mlflow.cli import cli as mlflow_cli
from prefect.cli._app import _app as prefect_cli
from typer.exceptions import TyperException

from pipelines.cli import app
from pipelines.repository.presets import preset_names
from tests.support.project import copy_project

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "data/README.md", *sorted(
    path.relative_to(ROOT).as_posix()
    for path in (ROOT / "docs").glob("*.md")
    if path.name != "cluster.md"
)]  # fmt: skip
TOOLS = ("make", "dvc", "prefect", "mlflow", "python", "pix2pix")
LEFT_OUT = "…"  # what the reader puts in
REFUSALS = (
    AssertionError,
    DvcParserError,
    CycloptsError,
    click.UsageError,
    TyperException,
    KeyError,
)


def commands(text: str) -> list[list[str]]:
    """The words of each command in blocks of shell lines and in `...`, variables left out."""
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    rest = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", rest)
    found = []
    for line in lines:
        for part in re.split(r"\s(?:&&|\|)\s", line):
            with contextlib.suppress(ValueError):  # prose with a quotation mark
                words = shlex.split(part, comments=True)
                while words and re.match(r"[A-Z_]+=", words[0]):
                    words.pop(0)
                if len(words) > 1 and words[0].removeprefix(".venv/bin/") in TOOLS:
                    found.append([words[0].removeprefix(".venv/bin/"), *words[1:]])
    return found


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_tool_takes_every_command(document: str) -> None:
    for tool, *words in commands((ROOT / document).read_text()):
        TAKES[tool](words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_option_that_is_named_alone_is_one_of_a_command_of_the_document(document: str) -> None:
    text = (ROOT / document).read_text()
    known = {"--help"}.union(*(_options(tool, words) for tool, *words in commands(text)))
    spans = re.findall(r"`(--[^`\n]+)`", text)
    assert {option for span in spans for option in re.findall(r"--[a-z-]+", span)} <= known


def _options(tool: str, words: list[str]) -> set[str]:
    """The long options of a command, whether it is typed with them or not."""
    match tool:
        case "pix2pix" | "mlflow":
            group = typer.main.get_command(app) if tool == "pix2pix" else mlflow_cli
            command = group.commands.get(words[0], group)
            return {option for parameter in command.params for option in parameter.opts}
        case "dvc":
            parser = get_main_parser()._subparsers._group_actions[0].choices[words[0]]
            return set(parser._option_string_actions)
        case "python" if words[0] == "-m":
            spec = importlib.util.find_spec(words[1])
            assert spec is not None, words
            assert spec.origin is not None
            return set(re.findall(r'"(--[a-z-]+)"', Path(spec.origin).read_text()))
        case _:
            return set()


def test_commands_are_found_and_wrong_ones_are_not_taken() -> None:
    assert ["dvc", "metrics", "diff"] in commands((ROOT / "README.md").read_text())
    for text in (
        "`dvc metric diff`",
        "`dvc repro --no-such`",
        "`make no-such`",
        "`python -m pipelines.no_such`",
        "`MLFLOW_X=1 mlflow models server -m x`",
        "`prefect deployment start x/y`",
        "`pix2pix no-such`",
        "`pix2pix --no-such`",
        "`pix2pix use no-such`",
        "`pix2pix up --no-such 8`",
    ):
        ((tool, *words),) = commands(text)
        with pytest.raises(REFUSALS):
            TAKES[tool](words)


def forced_with_the_stages_before(text: str) -> list[str]:
    """Commands `dvc repro` that force a stage and, without --single-item, all that it needs."""
    joined = re.sub(r'"\s*\n\s*f?"', "", text)  # parts of one message of the code
    found = re.findall(r"dvc repro(?: +[\w-]+)+", " ".join(joined.split()))
    return [
        command
        for command in found
        if {"-f", "--force"} & set(command.split())
        and not {"-s", "--single-item"} & set(command.split())
    ]


def test_a_stage_that_is_forced_is_forced_alone() -> None:
    """Otherwise a user who is told to score again would also train again."""
    sources = [ROOT / document for document in DOCUMENTS]
    for package in ("pipelines", "pix2pix"):
        sources += sorted((ROOT / package).rglob("*.py"))
    wrong = {path.name: forced_with_the_stages_before(path.read_text()) for path in sources}
    assert {name: commands for name, commands in wrong.items() if commands} == {}
    assert forced_with_the_stages_before('"run `dvc repro "\n    "-f train`"')
    assert forced_with_the_stages_before("`dvc repro --force\ntrain`")
    assert not forced_with_the_stages_before("`dvc repro -f -s train`, `dvc repro train`")


def _make(words: list[str]) -> None:
    done = subprocess.run(
        ["make", "-n", "-C", str(ROOT), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _dvc(words: list[str]) -> None:
    """A command that is only named (`dvc add`, `dvc import`) may lack the arguments it needs."""
    given = [part for word in words for part in (["x", "y"] if word == LEFT_OUT else [word])]
    for added in ([], ["x"]):
        with contextlib.suppress(DvcParserError):
            get_main_parser().parse_args([*given, *added])
            return
    get_main_parser().parse_args([*given, "x", "y"])


def _mlflow(words: list[str]) -> None:
    command: click.Command = mlflow_cli
    while isinstance(command, click.Group):
        command, words = command.commands[words[0]], words[1:]
    command.make_context("mlflow", list(words))


def _prefect(words: list[str]) -> None:
    if LEFT_OUT not in words:
        prefect_cli.parse_args(words, exit_on_error=False, print_error=False)


def _python(words: list[str]) -> None:
    if words[0] == "-c":
        compile(words[1], "<document>", "exec")
        return
    assert words[0] == "-m", words
    spec = importlib.util.find_spec(words[1])
    assert spec is not None, words
    assert spec.origin is not None
    text = Path(spec.origin).read_text()
    options = [word for word in words[2:] if word.startswith("-")]
    assert all(f'"{option}"' in text for option in options), words


def _pix2pix(words: list[str]) -> None:
    """Options of the command itself are only looked up: one of them installs something."""
    group = typer.main.get_command(app)
    if words[0].startswith("-"):
        options = {option for parameter in group.params for option in parameter.opts}
        assert words[0] in {"--help", *options}
        return
    command = group.commands[words[0]]
    if len(words) > 1:  # otherwise the verb is only named
        context = command.make_context("pix2pix", list(words[1:]))
        names = [name.removeprefix("tasks/") for name in preset_names(ROOT)]
        # docs/data.md tells how to write the preset `scenes`; None: the command lists them.
        known = [*names, "scenes", "NAME", None]
        assert words[0] != "use" or context.params["preset"] in known, words


TAKES = {
    "make": _make,
    "dvc": _dvc,
    "mlflow": _mlflow,
    "prefect": _prefect,
    "python": _python,
    "pix2pix": _pix2pix,
}


def test_the_quick_targets_of_make_really_run(tmp_path: Path) -> None:
    """In a clone, with this environment."""
    project = copy_project(tmp_path)
    (project.folder / ".venv").symlink_to(ROOT / ".venv")
    (project.folder / "models").mkdir()
    said = project.run("make", "help").stdout
    assert re.search(r"^  make run +the whole pipeline", said, re.MULTILINE)
    assert "nothing runs here" in project.run("make", "down").stdout
    project.run("make", "clean")
    assert not (project.folder / "models").exists()
