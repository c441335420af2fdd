import numpy as np
import pytest
import torch

from pix2pix.tiled import statistics
from pix2pix.tiled.statistics import ChannelStatistics


@pytest.mark.parametrize("mean", [0.0, 1e4])
def test_parts_of_unlike_sizes_give_mean_and_variance_of_all(
    mean: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "_VALUES_AT_ONCE", 100)
    values = torch.randn(60, 7, 3, generator=torch.Generator().manual_seed(0)) + mean
    gathered = ChannelStatistics(3, torch.device("cpu"))
    for part in values.split([1, 2, 40, 17]):
        gathered.add(part)
    expected = values.double().numpy().reshape(-1, 3)
    np.testing.assert_allclose(gathered.mean, expected.mean(0), rtol=1e-13)
    np.testing.assert_allclose(gathered.variance, expected.var(0), rtol=1e-12)


def test_one_pixel_has_no_variance() -> None:
    gathered = ChannelStatistics(2, torch.device("cpu"))
    gathered.add(torch.tensor([[[3.0, -1.0]]]))
    assert gathered.mean.tolist() == [3.0, -1.0]
    assert gathered.variance.tolist() == [0.0, 0.0]
