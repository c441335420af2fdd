"""Models of several sources are not exported, and say so."""

from pathlib import Path

import pytest

from pix2pix.checkpoint import load_generator
from pix2pix.data.manifest import ExtraSourceRecord
from pix2pix.errors import UserError
from pix2pix.export.folder import write_export
from pix2pix.models import GeneratorConfig
from tests.support.tracked_project import SIDE, write_model


def test_a_model_of_several_sources_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    extra = (ExtraSourceRecord("photo", SIDE, 1.0),)
    generator = GeneratorConfig(source_channels=6, base_channels=4, depth=5)
    write_model(tmp_path / "models", generator=generator, extra_sources=extra)
    (tmp_path / "out").mkdir()
    with pytest.raises(UserError, match="has several sources or one-hot classes"):
        write_export(
            tmp_path / "out",
            *load_generator(tmp_path / "models"),
            model="x/1",
            modes=["deterministic"],
        )
    assert not any((tmp_path / "out").iterdir())
