"""What is measured of the values of one image."""

import numpy as np
import pytest

from pix2pix.preparation.values import measure


def test_a_pixel_has_no_data_where_one_of_its_channels_has_none() -> None:
    image = np.random.default_rng(0).random((10, 10, 2)).astype(np.float32)
    image[0, :, 0] = -9999
    values = measure(image, declared=None, has_alpha=False)
    assert (values.no_data, values.no_data_share) == (-9999.0, 0.1)
    measured = image[image != -9999]
    assert (values.low, values.high) == (measured.min(), measured.max())


@pytest.mark.parametrize(
    ("counts", "num_common"),
    [((100,), 1), ((90, 10), 1), ((10, 89, 1), 2), ((50, 40, 10), 2), ((11, 50, 39), 3)],
)
def test_common_values_are_the_fewest_that_make_up_nine_tenths(
    counts: tuple[int, ...], num_common: int
) -> None:
    image = np.repeat(np.arange(len(counts), dtype=np.uint8), counts).reshape(10, 10, 1)
    values = measure(image, declared=None, has_alpha=False)
    assert values.num_common == num_common
    assert values.distinct == tuple(range(len(counts)))
