import numpy as np
import pytest
import torch

from pix2pix.data.ranges import from_network, to_network

RANGES = {
    "uint8": (0.0, 255.0),
    "uint16": (100.0, 4195.0),
    "float32": (-3.0, 5.0),
}


@pytest.mark.parametrize(("dtype", "value_range"), RANGES.items())
def test_the_ends_and_the_middle_of_the_range_become_minus_1_1_and_0(dtype, value_range) -> None:
    low, high = value_range
    raw = np.array([low, high, (low + high) / 2]).reshape(1, 1, 3, 1)
    middle = 0.0 if dtype == "float32" else -1 / (high - low)  # integers: rounded down
    images = to_network(torch.from_numpy(raw.astype(dtype)), value_range)
    assert images.dtype == torch.float32
    assert images.flatten().tolist() == pytest.approx([-1.0, 1.0, middle], abs=1e-6)


@pytest.mark.parametrize(("dtype", "value_range"), RANGES.items())
def test_stored_values_survive_the_way_there_and_back(dtype, value_range) -> None:
    low, high = value_range
    values = np.linspace(low, high, 4096).astype(dtype).reshape(2, 32, 32, 2)
    back = from_network(
        to_network(torch.from_numpy(values), value_range), value_range=value_range, dtype=dtype
    )
    assert back.dtype == dtype
    np.testing.assert_allclose(back, values, atol=1e-5 if dtype == "float32" else 0)


def test_channels_move_before_rows_and_back() -> None:
    raw = torch.arange(2 * 3 * 4 * 5, dtype=torch.uint8).reshape(2, 3, 4, 5)
    images = to_network(raw, (0.0, 255.0))
    assert images.shape == (2, 5, 3, 4)
    assert images[1, 4, 2, 3].item() == pytest.approx(raw[1, 2, 3, 4].item() / 127.5 - 1)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_values_outside_the_range_show_on_the_way_in_and_are_clipped_on_the_way_out() -> None:
    images = to_network(torch.tensor([-1.0, 3.0]).reshape(1, 1, 2, 1), (0.0, 2.0))
    assert images.flatten().tolist() == [-2.0, 2.0]
    back = from_network(images, value_range=(0.0, 2.0), dtype="float32")
    assert back.flatten().tolist() == [0.0, 2.0]


@pytest.mark.parametrize(("dtype", "largest"), [("uint8", 255), ("uint16", 65535)])
def test_a_range_wider_than_the_integers_does_not_wrap_around(dtype: str, largest: int) -> None:
    """With [0, 256], white would be written as black."""
    images = torch.tensor([-1.0, 0.0, 1.0]).reshape(1, 1, 1, 3)
    back = from_network(images, value_range=(-2.0, largest + 1.0), dtype=dtype)
    assert back.flatten().tolist() == [0, (largest - 1) // 2, largest]


def test_integers_are_rounded_to_the_nearest() -> None:
    images = torch.tensor([9.4, 9.6]).reshape(1, 1, 1, 2) / 127.5 - 1
    back = from_network(images, value_range=(0.0, 255.0), dtype="uint8")
    assert back.flatten().tolist() == [9, 10]
