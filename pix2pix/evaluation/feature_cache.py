"""Features of images, kept in a folder so that they are computed only once.

The targets, the baselines and the training targets of `real_vs_real` are the same in each
evaluation of the same data, whatever the model.
"""

import hashlib
import json
import logging
import os
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pix2pix.evaluation import extractors, fused
from pix2pix.evaluation.extractors import NetworkExtractor
from pix2pix.files import write_bytes

MAX_BYTES = 512 * 2**20  # some 60,000 images with the features of InceptionV3

_DIGEST_BYTES = 32

logger = logging.getLogger(__name__)


class CachedExtractor:
    """A feature extractor that keeps the features of each batch of images in a file.

    The name of the file is a hash of all that the features depend on: pixels and shape of the
    batch, network, weights, kind of device, and the code that computes them. So a file is never out
    of date, and features that were kept are equal, bit for bit, to those that were computed. A
    file that is incomplete or damaged is computed anew. Processes may share a folder. If nothing
    can be written there, a warning is logged, and features are computed each time. A new instance
    first removes what exceeds `MAX_BYTES`.
    """

    def __init__(self, extractor: NetworkExtractor, folder: Path) -> None:
        self.name = extractor.name
        self.weights_sha256 = extractor.weights_sha256
        self._extractor = extractor
        self._folder = folder
        self._identity = _identity(extractor)
        self._is_writable = True
        self._prune()

    def __call__(self, images: Tensor) -> Tensor:
        """Return features (N, num_features), float32 on the CPU, of uint8 images (N, 3, H, W)."""
        path = self._folder / self._name(images)
        kept = _read(path, (len(images), self._extractor.num_features))
        if kept is not None:
            return kept
        features = self._extractor(images)
        if self._is_writable:
            self._write(path, features)
        return features

    def _name(self, images: Tensor) -> str:
        digest = hashlib.sha256(f"{self._identity} {images.dtype} {tuple(images.shape)}".encode())
        digest.update(images.cpu().contiguous().numpy().data)
        return digest.hexdigest()

    def _prune(self) -> None:
        try:
            prune(self._folder)
        except OSError as error:
            self._give_up(error)

    def _write(self, path: Path, features: Tensor) -> None:
        content = features.contiguous().numpy().tobytes()
        try:
            write_bytes(path, hashlib.sha256(content).digest() + content, is_durable=False)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        self._is_writable = False
        logger.warning("features of images cannot be kept: %s", error)


def prune(folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Remove the files that have not been used for longest, until `max_bytes` are left."""
    used = []
    for path in folder.glob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:  # removed by another process
            continue
        used.append((status.st_mtime, status.st_size, path))
    excess = sum(size for _, size, _ in used) - max_bytes
    for _, size, path in sorted(used):
        if excess <= 0:
            return
        path.unlink(missing_ok=True)
        excess -= size


def _identity(extractor: NetworkExtractor) -> str:
    """What features depend on beside the images, as text."""
    code = Path(extractors.__file__).read_bytes() + Path(fused.__file__).read_bytes()
    return json.dumps(
        [
            extractor.name,
            extractor.weights_sha256,
            extractor.device.type,
            hashlib.sha256(code).hexdigest(),
            *(version(package) for package in ("torch", "torch-fidelity")),
        ]
    )


def _read(path: Path, shape: tuple[int, int]) -> Tensor | None:
    """Return the features of a file; None if there is no file with this many that is intact."""
    try:
        data = path.read_bytes()
        os.utime(path)  # by which `prune` knows which files are in use
    except OSError:
        return None
    digest, content = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(content).digest() != digest or len(content) != 4 * shape[0] * shape[1]:
        return None
    return torch.from_numpy(np.frombuffer(content, np.float32).reshape(shape).copy())
