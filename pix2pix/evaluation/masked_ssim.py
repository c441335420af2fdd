"""SSIM of images of which some pixels do not count."""

import torch
from torch import Tensor
from torch.nn import functional as F

# Wang et al. 2004, sec. 3: window of 11 px, standard deviation 1.5 px, constants for a range of 1.
_WINDOW_PX = 11
_SIGMA_PX = 1.5
_C1, _C2 = 0.01**2, 0.03**2


def masked_ssim(fake: Tensor, target: Tensor, valid: Tensor) -> Tensor:
    """The SSIM of each image over its valid pixels, (N,) float64.

    fake and target are (N, C, H, W) in [0, 1], valid (N, 1, H, W) bool. The statistics of a window
    are those of its valid pixels, with the Gaussian weights of Wang et al. 2004 scaled to a sum of
    1. The mean is over channels and over the windows inside of the image whose centre is valid; an
    image without such a window has 0. If all pixels are valid, this is the usual SSIM.
    """
    x, y, mask = fake.double(), target.double(), valid.double()
    weight = _blurred(mask)

    def mean(values: Tensor) -> Tensor:
        return _blurred(values * mask) / weight.clamp(min=torch.finfo(weight.dtype).tiny)

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x * mean_x + mean(y * y) - mean_y * mean_y
    covariance = mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    ssim = luminance * (2 * covariance + _C2) / (variances.clamp(min=0) + _C2)
    margin = _WINDOW_PX // 2
    centres = mask[..., margin:-margin, margin:-margin]
    num_windows = centres.sum(dim=(1, 2, 3)).clamp(min=1)
    return (ssim * centres).mean(dim=1).sum(dim=(1, 2)) / num_windows


def _blurred(images: Tensor) -> Tensor:
    """Gaussian means of the windows that lie inside of the images, (N, C, H - 10, W - 10)."""
    offsets = torch.arange(_WINDOW_PX, dtype=images.dtype, device=images.device) - _WINDOW_PX // 2
    gauss = torch.exp(-((offsets / _SIGMA_PX) ** 2) / 2)
    gauss = gauss / gauss.sum()
    num_channels = images.shape[1]
    for kernel in (gauss.view(1, 1, -1, 1), gauss.view(1, 1, 1, -1)):
        images = F.conv2d(images, kernel.expand(num_channels, 1, -1, -1), groups=num_channels)
    return images
