"""The parameters of the flow `translate-pix2pix`, and the options that they become."""

import inspect
import logging
import typing
from pathlib import Path
from typing import Any

import pytest

from pipelines.commands.translate import translate
from pipelines.flows import translate_pix2pix as module
from pipelines.flows.translate_pix2pix import existing_options, translate_pix2pix
from pix2pix.errors import UserError


def test_results_that_exist_are_refused_replaced_or_kept_as_by_the_command() -> None:
    modes = ("overwrite", "keep")
    for function in (translate, translate_pix2pix.fn):
        parameters = inspect.signature(function).parameters
        assert [parameters[mode].default for mode in modes] == [False, False]
    assert existing_options(overwrite=False, keep=False) == []
    assert existing_options(overwrite=True, keep=False) == ["--overwrite"]
    assert existing_options(overwrite=False, keep=True) == ["--keep"]
    with pytest.raises(UserError, match="not both"):
        existing_options(overwrite=True, keep=True)


def test_a_folder_has_all_options_of_the_command_with_the_same_values() -> None:
    of_command, of_flow = (
        typing.get_type_hints(function) for function in (translate, translate_pix2pix.fn)
    )
    others = {"crf", "no_sound"}, {"cluster"}  # of films; the flow has the worker's machine alone
    renamed = {"source": "input_dir", "result": "output_dir", "extra_source": "extra_sources"}
    named = {renamed.get(name, name) for name in of_command.keys() - set().union(*others)}
    assert named == of_flow.keys()
    for name in ("scale", "mode", "from_photo", "max_memory_gib"):
        assert of_flow[name] == of_command[name], name


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({}, ["--scale", "training"]),
        ({"mode": "published"}, ["--scale", "training", "--mode", "published"]),
        ({"from_photo": True}, ["--scale", "training", "--from-photo"]),
        (
            {"scale": "native", "max_memory_gib": 4.0, "extra_sources": {"depth": "in/depth"}},
            ["--scale", "native", "--max-memory-gib", "4.0", "--extra-source", "depth=in/depth"],
        ),
    ],
)
def test_what_is_given_becomes_options_of_the_command(
    given: dict[str, Any], options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[Any] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "translate", lambda _shell, *arguments: ran.append(arguments))
    monkeypatch.setattr(module, "get_run_logger", logging.getLogger)
    assert translate_pix2pix.fn("m/1", "in", "-out", **given) == "-out"
    assert ran == [("m/1", [*options, "--", "in", "-out"], [])]
