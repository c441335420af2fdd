import logging
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from pix2pix.evaluation import extractors, feature_cache, fused
from pix2pix.evaluation.extractors import NetworkExtractor, efficientnet_extractor
from pix2pix.evaluation.feature_cache import MAX_BYTES, CachedExtractor, prune

IMAGES = torch.arange(4 * 3 * 16 * 16).remainder(251).to(torch.uint8).view(4, 3, 16, 16)


@pytest.fixture
def counted(extractor: NetworkExtractor) -> tuple[NetworkExtractor, list[int]]:
    """An extractor and the sizes of the batches that it was called with."""
    return counting(extractor)


def counting(extractor: NetworkExtractor) -> tuple[NetworkExtractor, list[int]]:
    calls: list[int] = []

    def features(images: Tensor) -> Tensor:
        calls.append(len(images))
        return extractor.features(images)

    return replace(extractor, features=features), calls


def test_features_are_computed_once_and_equal_bit_for_bit(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path
) -> None:
    extractor, calls = counted
    expected = extractor(IMAGES)
    for _ in range(2):  # two instances, as of two evaluations
        assert torch.equal(CachedExtractor(extractor, tmp_path)(IMAGES), expected)
    assert calls == [4, 4]  # without the cache, and for its first use


def test_a_grey_image_that_is_shown_three_times_is_that_image_in_colours(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path
) -> None:
    extractor, calls = counted
    grey = IMAGES[:, :1].expand(-1, 3, -1, -1)
    cached = CachedExtractor(extractor, tmp_path)
    assert torch.equal(cached(grey), cached(grey.contiguous()))
    assert calls == [4]


OTHERS: dict[str, Callable[[Tensor], Tensor]] = {
    "a pixel": lambda images: images.index_fill(3, torch.tensor(5), 7),
    "the order": lambda images: images.flip(0),
    "the number": lambda images: images[:3],
    "the shape of the same bytes": lambda images: images.view(4, 3, 8, 32),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_images_have_features_of_their_own(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path, what: str
) -> None:
    extractor, _ = counted
    cached = CachedExtractor(extractor, tmp_path)
    cached(IMAGES)
    other = OTHERS[what](IMAGES)
    assert torch.equal(cached(other), extractor(other))


@pytest.mark.parametrize("changed", [{"name": "other"}, {"weights_sha256": "1" * 64}])
def test_another_extractor_has_features_of_its_own(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path, changed: dict[str, str]
) -> None:
    extractor, _ = counted
    CachedExtractor(extractor, tmp_path)(IMAGES)
    other, calls = counting(replace(extractor, **changed))
    CachedExtractor(other, tmp_path)(IMAGES)
    assert calls == [4]


def test_another_kind_of_device_has_features_of_its_own(
    extractor: NetworkExtractor, tmp_path: Path
) -> None:
    """Its rounding is another one. There is one that computes nothing, in place of a GPU."""
    zeros = torch.zeros(4, 48)
    CachedExtractor(extractor, tmp_path)(IMAGES)
    other = replace(extractor, device=torch.device("meta"), features=lambda _images: zeros)
    assert torch.equal(CachedExtractor(other, tmp_path)(IMAGES), zeros)


@pytest.mark.parametrize("module", [extractors, fused])
def test_an_edit_of_the_code_that_computes_features_makes_them_anew(
    counted: tuple[NetworkExtractor, list[int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
) -> None:
    extractor, calls = counted
    CachedExtractor(extractor, tmp_path / "kept")(IMAGES)
    edited = tmp_path / "edited.py"
    edited.write_bytes(Path(str(module.__file__)).read_bytes() + b"# another resize\n")
    monkeypatch.setattr(module, "__file__", str(edited))
    CachedExtractor(extractor, tmp_path / "kept")(IMAGES)
    assert calls == [4, 4]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "truncated": lambda data: data[:-5],
    "truncated to the checksum": lambda data: data[:32],
    "a flipped bit": lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
    "zeros after a power cut": lambda data: bytes(len(data)),
    "of another number of images": lambda _: _with_checksum(b"\0" * 48 * 4),
}


def _with_checksum(content: bytes) -> bytes:
    return feature_cache.hashlib.sha256(content).digest() + content


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_never_used_and_is_replaced(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path, damage: str
) -> None:
    extractor, calls = counted
    expected = CachedExtractor(extractor, tmp_path)(IMAGES)
    (path,) = tmp_path.iterdir()
    intact = path.read_bytes()
    path.write_bytes(DAMAGES[damage](intact))
    assert torch.equal(CachedExtractor(extractor, tmp_path)(IMAGES), expected)
    assert (calls, path.read_bytes()) == ([4, 4], intact)


def test_a_file_that_is_read_counts_as_used_now(
    extractor: NetworkExtractor, tmp_path: Path
) -> None:
    cached = CachedExtractor(extractor, tmp_path)
    cached(IMAGES)
    (path,) = tmp_path.iterdir()
    os.utime(path, (0, 0))
    cached(IMAGES)
    assert path.stat().st_mtime > 0


def test_the_least_recently_used_files_go_first(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path
) -> None:
    extractor, calls = counted
    cached = CachedExtractor(extractor, tmp_path)
    sets = [IMAGES, IMAGES + 1, IMAGES + 2]
    for age, images in enumerate(sets):
        before = set(tmp_path.iterdir())
        cached(images)
        (path,) = set(tmp_path.iterdir()) - before
        os.utime(path, (age, age))
    size = path.stat().st_size
    cached(sets[0])  # the oldest file is in use again
    prune(tmp_path, max_bytes=2 * size)
    calls.clear()
    for images in sets:
        cached(images)
    assert (len(calls), sum(file.stat().st_size for file in tmp_path.iterdir())) == (1, 3 * size)
    prune(tmp_path, max_bytes=0)
    assert not list(tmp_path.iterdir())
    prune(tmp_path / "missing", max_bytes=0)


@pytest.mark.slow
def test_processes_share_a_folder(tmp_path: Path) -> None:
    """Both write the same files at the same time, while files are removed."""
    with ProcessPoolExecutor(2, get_context("forkserver")) as processes:
        answers = list(processes.map(_extract_and_prune, [tmp_path] * 2))
    assert answers[0] == answers[1]
    assert not list(tmp_path.glob("*.partial"))


def _extract_and_prune(folder: Path) -> list[float]:
    device = torch.device("cpu")
    extractor = NetworkExtractor(
        name="mean",
        num_features=1,
        weights_sha256="0" * 64,
        device=device,
        features=lambda images: images.double().mean(dim=(1, 2, 3), keepdim=False)[:, None],
    )
    sums = []
    for number in range(200):
        images = IMAGES + number % 10
        sums.append(float(CachedExtractor(extractor, folder)(images).sum()))
        prune(folder, max_bytes=100)
    return sums


def test_without_room_features_are_computed_and_a_warning_says_so_once(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extractor, _ = counted
    (tmp_path / "file").write_bytes(b"")
    cached = CachedExtractor(extractor, tmp_path / "file" / "features")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert torch.equal(cached(IMAGES), extractor(IMAGES))
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "features of images cannot be kept"
    ]


def test_what_cannot_be_removed_ends_the_writing_and_not_the_scoring(
    counted: tuple[NetworkExtractor, list[int]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    extractor, _ = counted
    (tmp_path / "no file").mkdir()
    os.utime(tmp_path / "no file", (0, 0))  # so that it is the first to go
    with (tmp_path / "large").open("wb") as large:
        large.truncate(MAX_BYTES + 1)  # takes no room
    with caplog.at_level(logging.WARNING):
        cached = CachedExtractor(extractor, tmp_path)
        assert torch.equal(cached(IMAGES), extractor(IMAGES))
    assert len(caplog.records) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"no file", "large"}


@pytest.mark.slow
def test_efficientnet_is_the_same_with_a_cache(tmp_path: Path) -> None:
    extractor = efficientnet_extractor(torch.device("cpu"))
    cached = CachedExtractor(extractor, tmp_path)
    assert (cached.name, cached.weights_sha256) == (extractor.name, extractor.weights_sha256)
    first, again = cached(IMAGES), cached(IMAGES)
    assert torch.equal(first, extractor(IMAGES))
    assert torch.equal(first, again)
