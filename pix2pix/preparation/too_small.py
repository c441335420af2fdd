"""Which images are too small for the settings."""

from pix2pix.config import SMALLEST_PX, DataConfig, height_width, size_text


def too_small(height: int, width: int, config: DataConfig) -> str | None:
    """Why an image of this size cannot be used, or None."""
    if config.resize == "none":
        if min(height, width) >= SMALLEST_PX:
            return None
        return f"{width}x{height} px, and no score exists of less than {SMALLEST_PX} px"
    needed = height_width(config.image_size)
    if config.resize == "fit":
        needed = (min(needed), min(needed))
    if height >= needed[0] and width >= needed[1]:
        return None
    return f"{width}x{height} px, smaller than data.image_size ({size_text(config.image_size)})"
