"""The console command `pix2pix`, also started by `python -m pipelines`.

Each verb is a function of `pipelines/commands`. Typer makes options and help of its signature and
docstring. A verb imports large libraries only when it runs, so that help and completion are fast.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from pipelines.commands.apply_tuned import apply_tuned
from pipelines.commands.check import check
from pipelines.commands.down import down
from pipelines.commands.evaluate import evaluate
from pipelines.commands.export import export
from pipelines.commands.flicker import flicker
from pipelines.commands.lineage import lineage
from pipelines.commands.promote import promote
from pipelines.commands.reproduce import reproduce
from pipelines.commands.rollback import rollback
from pipelines.commands.serve import serve
from pipelines.commands.summary import summary
from pipelines.commands.translate import translate
from pipelines.commands.ui import ui
from pipelines.commands.up import up
from pipelines.commands.use import use
from pipelines.entrypoint import run
from pipelines.processes.shell import path_with_tools

VERBS = (
    use,
    check,
    summary,
    ui,
    up,
    down,
    apply_tuned,
    translate,
    flicker,
    serve,
    evaluate,
    export,
    promote,
    rollback,
    lineage,
    reproduce,
)

_HELP = """Choose parameters, look at results, and use the models of this project.

Run it in the folder that holds dvc.yaml. `dvc repro` trains; `pix2pix VERB --help` explains a verb.

Exit codes: 0 done, 1 a mistake that the message explains, 2 a wrong option, 75 a server or a disk
failed and the same command may succeed later, 128 + N ended by signal N.
"""


class _Verbs(TyperGroup):
    """The verbs; a wrong value of an option is named in the words of this program alone."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb, without what pydantic writes before a sentence, which Typer would show."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


app = typer.Typer(
    cls=_Verbs,
    help=_HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # plain text: it can be copied, and needs no import of rich
    pretty_exceptions_enable=False,  # a defect shows Python's own traceback
)


def _with_error_border(verb: Callable[..., None]) -> Callable[..., None]:
    """`verb` as an entry point: its errors become messages and exit codes (entrypoint.run)."""

    @functools.wraps(verb)
    def entry_point(**arguments: Any) -> None:
        run(functools.partial(verb, **arguments))

    return entry_point


for _verb in VERBS:
    app.command()(_with_error_border(_verb))


def main() -> None:
    """Run the verb that the command line names."""
    # The tools that a verb starts are found although the environment is not activated.
    os.environ["PATH"] = path_with_tools(os.environ)
    app(prog_name="pix2pix")
