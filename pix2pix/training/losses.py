"""The two objectives (Isola et al. 2017, sec. 3.1)."""

# Logits are (N, 1, H, W); images (N, C, H, W) in [-1, 1].

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class DiscriminatorLoss(NamedTuple):
    """The discriminator's loss and its two terms, scalars; `total` is minimised."""

    total: Tensor
    real: Tensor
    fake: Tensor


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> DiscriminatorLoss:
    """Return the cross-entropy over patches, halved to slow D (Isola et al. 2017, sec. 3.3).

    Both inputs are (N, 1, H, W) logits; the results are float32 scalars.
    """
    real = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return DiscriminatorLoss(total=0.5 * (real + fake), real=real, fake=fake)


def adversarial_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating loss of the generator, low if fakes look real (sec. 3.3)."""
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def l1_loss(fake: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute difference (eq. 3), in [0, 2] for images in [-1, 1]."""
    return F.l1_loss(fake, target)
