"""Memory that is short for a moment is no offence of a pair."""

from pathlib import Path

import numpy as np
import pytest

from pix2pix.errors import UserError
from pix2pix.images import pictures
from pix2pix.preparation.checks import check_pairs
from pix2pix.preparation.prepare import prepare_pairs, write_prepared
from tests.support.drawn_pairs import make_config, write_sound


def _no_memory(*_: object, **__: object) -> np.ndarray:
    raise MemoryError


def test_no_pair_is_excluded_because_memory_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_sound(tmp_path / "raw")
    config = make_config(on_bad_pair="exclude")
    report = check_pairs(tmp_path / "raw", config)
    monkeypatch.setattr(pictures, "from_bits", _no_memory)  # a part of decoding
    with pytest.raises(UserError, match="pair 'dev/0' needs more memory than is available"):
        prepare_pairs(tmp_path / "raw", tmp_path / "prepared", config, num_workers=1)
    with pytest.raises(UserError, match=r"pair '\w+/0' needs more memory than is available"):
        write_prepared(tmp_path / "prepared", report, config, num_workers=1)
    assert not (tmp_path / "prepared").exists()
