"""What two sets of features must be for a distance between them."""

import numpy as np

from pix2pix.errors import UserError

MIN_IMAGES = 2  # a covariance needs two images, and so does a KID subset


def check_features(fake: np.ndarray, real: np.ndarray) -> None:
    """Raise ValueError unless both are (N, F) and (M, F), UserError for fewer than two rows."""
    if fake.ndim != 2 or real.ndim != 2 or fake.shape[1] != real.shape[1]:
        raise ValueError(
            f"features must be (N, F) and (M, F) with one F, got {fake.shape} and {real.shape}"
        )
    if min(len(fake), len(real)) < MIN_IMAGES:
        raise UserError(
            f"a Frechet or kernel distance needs at least {MIN_IMAGES} images in each set, "
            f"got {len(fake)} and {len(real)}"
        )
