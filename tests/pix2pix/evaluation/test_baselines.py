import pytest
import torch

from pix2pix.evaluation.baselines import (
    mean_image,
    mean_target_fake,
    why_no_identity,
)


def test_the_identity_is_absent_where_the_channels_cannot_stand_for_each_other() -> None:
    assert why_no_identity(3, 3) is None
    assert why_no_identity(4, 3) == "identity is absent: 4 channels cannot stand for 3"


@pytest.mark.parametrize("batch_size", [1, 3, 10])
def test_the_mean_image_does_not_depend_on_the_batches(batch_size: int) -> None:
    images = torch.rand(10, 2, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mean = mean_image((batch, None) for batch in images.split(batch_size))
    torch.testing.assert_close(mean, images.double().mean(dim=0, keepdim=True).float())


def test_no_training_targets_have_no_mean() -> None:
    with pytest.raises(ValueError, match="no training targets"):
        mean_image([])


def test_the_mean_target_is_resized_to_the_size_of_the_test_images() -> None:
    """Averaged, not sampled: if every third line is white, the result is a third of white."""
    lines = ((torch.arange(48) % 3 == 0) * 2.0 - 1).expand(1, 1, 48, 48)
    fake = mean_target_fake(lines, torch.zeros(3, 1, 16, 16))
    assert fake.shape == (3, 1, 16, 16)
    torch.testing.assert_close(fake[2, 0, 5], torch.full((16,), -1 / 3), atol=0.2, rtol=0)
