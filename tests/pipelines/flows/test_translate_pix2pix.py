"""The parameters of the flow `translate-pix2pix`, and the options that they become."""

import inspect

import pytest

from pipelines.commands.translate import translate
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
