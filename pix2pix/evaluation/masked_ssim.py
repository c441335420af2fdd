"""SSIM of images of which some pixels do not count."""

import torch
from torch import Tensor
from torch.nn import functional as F

from pix2pix.config import SMALLEST_PX

# Wang et al. 2004, sec. 3: window of 11 px, standard deviation 1.5 px, constants for a range of 1.
_WINDOW_PX = SMALLEST_PX
_SIGMA_PX = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def masked_ssim_map(fake: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The SSIM of the window around each pixel, (N, C, H, W) float64.

    fake and target are (N, C, H, W) in [0, 1], valid (N, 1, H, W) bool. The statistics of a window
    are those of its valid pixels, with the Gaussian weights of Wang et al. 2004 scaled to a sum of
    1. Windows at the edges reach into the reflected image. The SSIM of an image is the mean over
    channels and over the windows whose centre is valid. If all pixels are valid, this is
    torchmetrics' SSIM.
    """
    x, y, mask = (_reflected(images.double()) for images in (fake, target, valid))
    weight = _blurred(mask).clamp(min=torch.finfo(mask.dtype).tiny)

    def mean(values: Tensor) -> Tensor:
        return _blurred(values * mask) / weight

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x * mean_x + mean(y * y) - mean_y * mean_y
    covariance = mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return luminance * (2 * covariance + _C2) / (variances.clamp(min=0) + _C2)


def _reflected(images: Tensor) -> Tensor:
    margin = _WINDOW_PX // 2
    return F.pad(images, (margin, margin, margin, margin), mode="reflect")


def _blurred(images: Tensor) -> Tensor:
    """Gaussian means of all windows inside of images (N, C, H, W): (N, C, H - 10, W - 10)."""
    offsets = torch.arange(_WINDOW_PX, dtype=images.dtype, device=images.device) - _WINDOW_PX // 2
    gauss = torch.exp(-((offsets / _SIGMA_PX) ** 2) / 2)
    gauss = gauss / gauss.sum()
    num_channels = images.shape[1]
    for kernel in (gauss.view(1, 1, -1, 1), gauss.view(1, 1, 1, -1)):
        images = F.conv2d(images, kernel.expand(num_channels, 1, -1, -1), groups=num_channels)
    return images
