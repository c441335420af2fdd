"""Images in tiles: the values of the whole image at once, in little memory, and no files left."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from pix2pix.errors import StorageError, UserError
from pix2pix.models import GeneratorConfig, InferenceNetwork, UNetGenerator, initialize, translate
from pix2pix.tiled import PaddedSource, Tile, TilePlan, make_plan, translate_in_tiles
from pix2pix.tiled import plan as planning

MODES = ["published", "deterministic"]
SEED = 5

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/fd").is_dir(), reason="reads Linux's list of open files"
)


def make_network(mode: str, **config: object) -> InferenceNetwork:
    torch.manual_seed(0)
    generator = UNetGenerator(GeneratorConfig(**({"base_channels": 4, "depth": 6} | config)))
    initialize(generator)
    with torch.no_grad():  # shifts and running statistics that differ from any image's
        for module in generator.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.bias.normal_()
        size = 2**generator.config.depth
        for _ in range(3):
            generator(torch.randn(4, generator.config.source_channels, size, size))
    return InferenceNetwork(generator, mode)


def some_image(channels: int, height: int, width: int) -> Tensor:
    return torch.randn(channels, height, width, generator=torch.Generator().manual_seed(7)) + 0.5


def whole(network: InferenceNetwork, image: Tensor) -> Tensor:
    return translate(network, image[None], seeds=[SEED])[0]


def tiled(
    network: InferenceNetwork, image: Tensor, folder: Path, plan: TilePlan | None = None
) -> Tensor:
    """(C', H, W), in the smallest tiles if there is no plan; every pixel is written once."""
    height, width = image.shape[1:]
    result = torch.full((network.config.target_channels, height, width), torch.nan)
    shares: list[float] = []

    def write(tile: Tile, values: Tensor) -> None:
        part = result[:, tile.top : tile.bottom, tile.left : tile.right]
        assert part.isnan().all()
        part.copy_(values.permute(2, 0, 1))

    translate_in_tiles(
        network,
        PaddedSource(image),
        write,
        seed=SEED,
        plan=plan or make_plan(network, (height, width), allowed_bytes=0),
        folder=folder,
        progress=shares.append,
    )
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    return result


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
@pytest.mark.parametrize("size", [(64, 64), (64, 448), (320, 128)])
def test_tiles_give_the_values_of_the_whole_image(
    size: tuple[int, int], norm: str, mode: str, tmp_path: Path
) -> None:
    network = make_network(mode, norm=norm)
    image = some_image(3, *size)
    expected = whole(network, image)
    assert expected.std() > 0.01
    torch.testing.assert_close(tiled(network, image, tmp_path), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("layout", ["pytorch", "torch"])
@pytest.mark.parametrize(("depth", "channels"), [(2, 1), (3, 4), (5, 3), (7, 2)])
def test_every_depth_and_number_of_channels(
    depth: int, channels: int, layout: str, tmp_path: Path
) -> None:
    config = {"source_channels": channels, "target_channels": channels + 1}
    network = make_network("published", depth=depth, dropout_layout=layout, **config)
    image = some_image(channels, 128, 256)
    expected = whole(network, image)
    torch.testing.assert_close(tiled(network, image, tmp_path), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("source", "target", "residual"), [(3, 3, 3), (1, 3, 1), (5, 1, 3)])
def test_a_residual_is_added_to_the_pixels_of_each_tile(
    source: int, target: int, residual: int, tmp_path: Path
) -> None:
    channels = {"source_channels": source, "target_channels": target}
    network = make_network("published", **channels, residual_channels=residual)
    image = some_image(source, 128, 192)
    expected = whole(network, image)
    torch.testing.assert_close(tiled(network, image, tmp_path), expected, atol=2e-5, rtol=0)


def test_decoders_that_repeat_pixels_have_no_seams(tmp_path: Path) -> None:
    network = make_network("published", upsample="resize")
    image = some_image(3, 128, 192)
    expected = whole(network, image)
    torch.testing.assert_close(tiled(network, image, tmp_path), expected, atol=2e-5, rtol=0)


def test_masks_that_are_drawn_in_several_parts_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network("published", dropout_layout="torch", dropout=0.3)
    image = some_image(3, 128, 192)
    monkeypatch.setattr("pix2pix.models.inference_network.MASK_PART", 77)
    expected = whole(network, image)
    torch.testing.assert_close(tiled(network, image, tmp_path), expected, atol=2e-5, rtol=0)


def test_a_large_mean_does_not_cancel_the_variance(tmp_path: Path) -> None:
    """A norm subtracts any constant; in float32, the squares of 3000 and 3000.1 are the same."""
    shifted, network = (make_network("published", depth=3) for _ in range(2))
    shifted.down[1].bias = torch.full((8,), 3000.0)
    image = some_image(3, 64, 64)
    difference = tiled(shifted, image, tmp_path) - whole(network, image)
    assert difference.abs().max() < 0.02  # the values themselves are rounded more


@pytest.mark.parametrize("mode", MODES)
def test_more_memory_gives_larger_tiles_and_the_same_values(mode: str, tmp_path: Path) -> None:
    network = make_network(mode, base_channels=16)
    image = some_image(3, 256, 256)
    least = planning.least_bytes(network, (256, 256))
    plans = [
        make_plan(network, (256, 256), allowed_bytes=least + extra) for extra in (0, 2**20, 2**30)
    ]
    shapes = [plan.layers[0, True].tile for plan in plans]
    pixels = [rows * columns for rows, columns in shapes]
    assert pixels[0] < pixels[1] < pixels[2] == 128 * 128
    first, *others = [tiled(network, image, tmp_path, plan) for plan in plans]
    for other in others:
        torch.testing.assert_close(other, first, atol=2e-5, rtol=0)


def test_the_least_memory_holds_the_weights_of_the_largest_layer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The inner layers, which have the most weights, have the smallest maps."""
    monkeypatch.setattr(planning, "_STATISTICS_BYTES", 0)
    network = make_network("deterministic", base_channels=32)
    largest = max(4 * block.weight.numel() for block in (*network.down, *network.up))
    assert planning.least_bytes(network, (64, 64)) > largest


def bytes_in(folder: Path) -> list[int]:
    """The sizes of the files below `folder` that this process has open, though they are removed."""
    sizes = []
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_symlink() and str(descriptor.readlink()).startswith(f"{folder}/"):
            sizes.append(descriptor.stat().st_size)
    return sizes


@needs_proc
@pytest.mark.parametrize("fails", [False, True])
def test_no_temporary_file_is_left_after_success_or_an_error(
    fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_files = []
    convolve = type(make_network("published").up[1]).convolve

    def watched(block: torch.nn.Module, x: Tensor, *, padding: int) -> Tensor:
        num_files.append(len(bytes_in(tmp_path)))
        if fails and padding == 3:
            raise RuntimeError("in the middle")
        return convolve(block, x, padding=padding)

    network, image = make_network("published"), some_image(3, 64, 128)
    monkeypatch.setattr(type(network.up[1]), "convolve", watched)
    if fails:
        with pytest.raises(RuntimeError, match="in the middle"):
            tiled(network, image, tmp_path)
    else:
        tiled(network, image, tmp_path)
    assert max(num_files) >= 6
    assert not bytes_in(tmp_path)
    assert not list(tmp_path.iterdir())


@needs_proc
def test_the_plan_states_the_disk_space_that_the_files_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network("published", dropout_layout="torch", base_channels=8)
    plan = make_plan(network, (128, 64), allowed_bytes=2**30)
    most = 0
    pwrite = os.pwrite

    def counted(descriptor: int, block: memoryview, offset: int) -> int:
        nonlocal most
        num_bytes = pwrite(descriptor, block, offset)
        most = max(most, sum(bytes_in(tmp_path)))
        return num_bytes

    monkeypatch.setattr(os, "pwrite", counted)
    tiled(network, some_image(3, 128, 64), tmp_path, plan)
    assert most == plan.disk_bytes


def test_a_disk_that_is_too_small_is_named_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = make_network("published")
    plan = make_plan(network, (64, 64), allowed_bytes=0)
    usage = SimpleNamespace(free=plan.disk_bytes - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: usage)
    with pytest.raises(UserError, match=f"{tmp_path} has room for .* set TMPDIR to a folder"):
        tiled(network, some_image(3, 64, 64), tmp_path)


def test_a_disk_that_fills_up_meanwhile_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    pwrite = os.pwrite

    def limited(descriptor: int, block: memoryview, offset: int) -> int:
        nonlocal written
        written += len(block)
        if written > 10**5:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, block[:1000], offset)  # a system may write less at once

    monkeypatch.setattr(os, "pwrite", limited)
    with pytest.raises(StorageError, match=f"{tmp_path} cannot be written: No space .* make room"):
        tiled(make_network("published"), some_image(3, 128, 128), tmp_path)
