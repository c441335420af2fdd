"""Several sources become one image for the networks, channel by channel."""

import numpy as np
import torch

from pix2pix.data.manifest import SideRecord
from pix2pix.data.ranges import to_network
from pix2pix.data.sources import join_sources, part_sources

PHOTO = SideRecord("image", 3, "uint8", (0.0, 255.0), "area")
DEPTH = SideRecord("image", 1, "uint8", (0.0, 255.0), "area")
IDS = SideRecord(
    "labels", 1, "uint8", (0.0, 2.0), "nearest", num_labels=3, encoding="one_hot"
)  # fmt: skip
IDS_AND_VOID = SideRecord(
    "labels", 1, "uint16", (0.0, 3.0), "nearest", num_labels=3, void_label=255, encoding="one_hot"
)


def stored(channels: int, *, top: int = 256, dtype: type = np.uint8) -> torch.Tensor:
    """Stored values (2, 8, 6, channels) below `top`."""
    values = np.random.default_rng(channels + top).integers(0, top, (2, 8, 6, channels))
    return torch.from_numpy(values.astype(dtype))


def test_one_hot_has_a_channel_of_zeros_and_ones_for_each_class_and_for_void() -> None:
    for side, num_classes, dtype in ((IDS, 3, np.uint8), (IDS_AND_VOID, 4, np.uint16)):
        ids = stored(1, top=num_classes, dtype=dtype)
        joined = join_sources([ids], [side])
        expected = np.eye(num_classes, dtype=np.float32)[ids[..., 0].numpy()].transpose(0, 3, 1, 2)
        assert side.network_channels == num_classes
        np.testing.assert_array_equal(joined.numpy(), expected, strict=True)


def test_one_source_is_converted_as_ever() -> None:
    photo = stored(3)
    joined, expected = join_sources([photo], [PHOTO]), to_network(photo, PHOTO.value_range)
    assert torch.equal(joined, expected)
    assert joined.stride() == expected.stride()


def test_sources_of_one_dtype_are_like_one_file_of_all_channels() -> None:
    """In values and in strides, on which the bits of a convolution depend."""
    photo, depth = stored(3), stored(1)
    together = SideRecord("image", 4, "uint8", (0.0, 255.0), "area")
    joined = join_sources([photo, depth], [PHOTO, DEPTH])
    expected = join_sources([torch.cat([photo, depth], dim=3)], [together])
    assert torch.equal(joined, expected)
    assert joined.stride() == expected.stride()


def test_channels_have_the_order_of_the_sources() -> None:
    photo, depth, ids = stored(3), stored(1), stored(1, top=3)
    forth = join_sources([ids, photo, depth], [IDS, PHOTO, DEPTH])
    back = join_sources([depth, photo, ids], [DEPTH, PHOTO, IDS])
    assert torch.equal(forth, torch.cat([back[:, 4:], back[:, 1:4], back[:, :1]], dim=1))


def test_pictures_of_the_parts_are_those_of_each_source_alone() -> None:
    photo, depth, ids = stored(3), stored(1), stored(1, top=3)
    sides = {"source": IDS, "photo": PHOTO, "depth": DEPTH}
    parts = part_sources(join_sources([ids, photo, depth], list(sides.values())), sides)
    assert list(parts) == ["source", "photo", "depth"]
    for name, raw in (("source", ids), ("photo", photo), ("depth", depth)):
        torch.testing.assert_close(parts[name], to_network(raw, sides[name].value_range))
