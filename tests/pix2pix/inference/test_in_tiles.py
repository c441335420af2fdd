"""Translating in tiles is translating, with less memory: values, padding, choice and bound."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from pix2pix.data.manifest import SideRecord
from pix2pix.errors import UserError
from pix2pix.inference import Translator
from pix2pix.models import GeneratorConfig
from tests.support.translators import force_tiles, make_translator, some_images

MODES = ["published", "deterministic"]


GIB = 2**30


@pytest.mark.parametrize("scale", ["native", "training"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(257, 391), (64, 1800), (1800, 33), (3, 100), (17, 16), (1, 1)])
def test_any_size_gets_the_values_of_the_whole_image(
    size: tuple[int, int],
    mode: str,
    scale: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    translator = make_translator(tmp_path, mode, image_size=96)
    images = some_images(2, *size)
    expected = translator.translate_batch(images, scale=scale)
    assert expected.shape == (2, *size, 2)
    force_tiles(monkeypatch)
    tiled = translator.translate_batch(images, scale=scale)
    np.testing.assert_allclose(tiled, expected, atol=1e-4)  # the target's range is 8


@pytest.mark.parametrize(
    "side",
    [
        SideRecord("image", 4, "uint8", (0.0, 255.0), "area", alpha=True),
        SideRecord("image", 3, "uint16", (0.0, 65535.0), "bicubic"),
        SideRecord("labels", 1, "uint8", (0.0, 5.0), "nearest", num_labels=5, void_label=255),
    ],
    ids=["rgba", "rgb16", "labels"],
)
def test_every_kind_of_target_gets_its_values(
    side: SideRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = GeneratorConfig(
        source_channels=side.channels, target_channels=side.channels, base_channels=4, depth=5
    )
    translator = make_translator(
        tmp_path, "published", source=side, target=side, generator=generator
    )
    high = 5 if side.num_labels else 256
    image = np.random.default_rng(0).integers(0, high, (70, 45, side.channels)).astype(side.dtype)
    expected = translator.translate(image, scale="native")
    force_tiles(monkeypatch)
    tiled = translator.translate(image, scale="native")
    assert tiled.dtype == expected.dtype
    differences = np.abs(tiled.astype(float) - expected.astype(float))
    assert np.count_nonzero(differences) <= 0.01 * differences.size  # those between two integers
    assert differences.max() <= (1 if side.num_labels is None else 255)


@pytest.mark.slow
def test_a_limit_decides_between_whole_and_tiles_and_a_too_small_one_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whole, the image needs about 230 MiB; in tiles, half of it."""
    make_translator(tmp_path, "published")
    image = some_images(1, 2000, 2000)[0]
    caplog.set_level("INFO")
    results = []
    for extra_gib, is_tiled in ((0.5, False), (0.16, True)):
        caplog.clear()
        limit = psutil.Process().memory_info().rss / GIB + extra_gib
        translator = Translator.load(tmp_path, max_memory_gib=limit)
        results.append(translator.translate(image, scale="native"))
        assert ("2000x2000 px is translated in tiles" in caplog.text) is is_tiled
    np.testing.assert_allclose(*results, atol=1e-4)
    translator = Translator.load(tmp_path, max_memory_gib=0.1)
    with pytest.raises(UserError, match=r"2000x2000 px needs about .* max_memory_gib is 0\.1"):
        translator.translate(image, scale="native")


_PEAK = """
import json, sys
from pathlib import Path
import numpy as np, psutil
from pix2pix.inference import Translator

def peak():
    line, = [l for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l]
    return int(line.split()[1]) * 2**10

folder, limit_gib = sys.argv[1], float(sys.argv[2])
translator = Translator.load(Path(folder))
image = np.zeros((1200, 1600, 1), np.uint16)
translator.translate(image[:64, :64], scale="native")  # what is loaded with the first call
taken_gib = psutil.Process().memory_info().rss / 2**30
limited = Translator.load(Path(folder), max_memory_gib=taken_gib + limit_gib)
limited.translate(image, scale="native")
print(json.dumps(peak() / 2**30 - taken_gib))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's peak of memory")
def test_the_process_keeps_to_its_limit(tmp_path: Path) -> None:
    """Whole, this image needs 0.3 GiB."""
    generator = GeneratorConfig(source_channels=1, target_channels=2, base_channels=16, depth=5)
    make_translator(tmp_path, "published", generator=generator)
    limit_gib = 0.15
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, str(tmp_path), str(limit_gib)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert 0 < json.loads(done.stdout.splitlines()[-1]) <= limit_gib
