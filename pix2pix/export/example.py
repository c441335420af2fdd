"""The text of example.py, with which an exported folder translates a file by onnxruntime alone."""

import numpy as np

from pix2pix.checkpoint import ModelCard
from pix2pix.config import Scale
from pix2pix.data.manifest import SideRecord
from pix2pix.export.network import mask_names
from pix2pix.models import InferenceMode, InferenceNetwork

_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PILLOW_KERNELS = {
    "area": "BOX",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "nearest": "NEAREST",
}


def masks_file(mode: InferenceMode) -> str:
    """The name of the file with the dropout masks of images of the training's size."""
    return f"{mode}.masks.npz"


def has_masks_file(card: ModelCard, network: InferenceNetwork) -> bool:
    """Whether all images have one size, for which the masks can be drawn in advance."""
    return card.scale == "stretch" and bool(mask_names(network))


def has_example(card: ModelCard) -> bool:
    """Whether there is an example: a short one cannot leave out pixels without a value."""
    return not card.source.is_masked


def example_script(card: ModelCard, network: InferenceNetwork) -> str:
    """Return a script of at most 20 lines for this model: python example.py INPUT OUTPUT."""
    reads, writes = _is_picture(card.source), _is_picture(card.target)
    lines = [
        f'"""Run as: python example.py {_suffix(reads, "IN")} {_suffix(writes, "OUT")}"""',
        "import sys",
        "import numpy as np",
        "import onnxruntime",
        *(["from PIL import Image"] if reads or writes else []),
        "",
        f'session = onnxruntime.InferenceSession("{network.mode}.onnx")',
        *_reading(card),
        *_feeding(card, network),
        'fake = session.run(["fake"], feeds)[0][0].transpose(1, 2, 0)  # in [-1, 1]',
        *_writing(card),
    ]
    return "\n".join(lines) + "\n"


def _is_picture(side: SideRecord) -> bool:
    """Whether Pillow reads and writes the images; others are arrays in NPY files."""
    return (side.dtype == "uint8" and side.channels in _PILLOW_MODES) or (
        side.dtype == "uint16" and side.channels == 1
    )


def _suffix(is_picture: bool, name: str) -> str:
    return f"{name}.png" if is_picture else f"{name}.npy  # (height, width, channels)"


def _reading(card: ModelCard) -> list[str]:
    """Lines that make `x`: the source (H, W, C), of the size that the network receives."""
    side = card.source
    if _is_picture(side):
        lines = [f"picture = Image.open(sys.argv[1]){_conversion(side)}", *_resizing(card)]
        lines.append("x = np.asarray(picture, np.float32).reshape(*picture.size[::-1], -1)")
    else:
        lines = [f"x = np.load(sys.argv[1]).astype(np.float32)  # {_size_note(card)}"]
    return lines


def _conversion(side: SideRecord) -> str:
    """Class ids and 16-bit pictures are taken as they are."""
    if side.dtype != "uint8" or side.num_labels is not None:
        return ""
    return f'.convert("{_PILLOW_MODES[side.channels]}")'


def _resizing(card: ModelCard) -> list[str]:
    kernel = f"Image.Resampling.{_PILLOW_KERNELS[card.source.kernel]}"
    scale = card.image_scale
    match scale.rule:
        case "stretch":
            height, width = scale.size_of(1, 1)
            size = f"({width}, {height})"
        case "fit":
            size = f"[round({scale.size} * side / min(picture.size)) for side in picture.size]"
        case "none":
            if scale.target_scale == 1:
                return []
            size = f"[round({scale.target_scale:g} * side) for side in picture.size]"
    return [f"picture = picture.resize({size}, {kernel})"]


def _size_note(card: ModelCard) -> str:
    scale: Scale = card.image_scale
    sizes = {
        "stretch": f"of size {scale.size}" if isinstance(scale.size, int) else f"of {scale.size}",
        "fit": f"shorter side {scale.size}",
        "none": "any size",
    }
    return f"{sizes[scale.rule]}, (height, width, channels)"


def _feeding(card: ModelCard, network: InferenceNetwork) -> list[str]:
    """Lines that make `feeds`: the source in [-1, 1], and the dropout masks."""
    side = card.source
    low, high = side.value_range
    values = "x" if low == 0 else f"(x - {low:g})"
    if side.void_label is not None:  # pixels without a class are one class more
        values = f"np.where(x == {side.void_label}, {side.num_labels}, {values})"
    scaled = f"{values} * (2 / {high - low:g}) - 1"
    lines = [f'feeds = {{"source": ({scaled}).transpose(2, 0, 1)[None]}}']
    if has_masks_file(card, network):
        lines.append(f'feeds.update(np.load("{masks_file(network.mode)}"))  # dropout')
    elif levels := mask_names(network):
        rate, multiple = network.config.dropout, 2**network.config.depth
        masks = [(name, network.config.width(at - 1), 2**at) for name, at in levels.items()]
        lines += [
            f"random = np.random.default_rng({card.seed})  # other seeds, other translations",
            f"height, width = (-(-side // {multiple}) * {multiple} for side in x.shape[:2])",
            f"for name, channels, stride in {masks}:",
            f"    kept = random.random((channels, height // stride, width // stride)) >= {rate:g}",
            f"    feeds[name] = (kept / {1 - rate:g}).astype(np.float32)",
        ]
    return lines


def _writing(card: ModelCard) -> list[str]:
    """Lines that write `fake` (H, W, C) with the values of files."""
    side = card.target
    low, high = side.value_range
    values = f"(fake + 1) * {(high - low) / 2:g}{f' + {low:g}' if low else ''}"
    values = f"({values}).clip({low:g}, {high:g})"
    if np.dtype(side.dtype).kind in "iu":
        values = f"np.rint({values}).astype(np.{side.dtype})"
    lines = [f"y = {values}"]
    if side.num_labels is not None and side.void_label is not None:
        lines.append(f"y[y == {side.num_labels}] = {side.void_label}  # pixels without a class")
    if not _is_picture(side):
        return [*lines, "np.save(sys.argv[2], y)"]
    pixels = "y[..., 0]" if side.channels == 1 else "y"
    return [*lines, f"Image.fromarray({pixels}).save(sys.argv[2])"]
