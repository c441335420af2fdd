"""The text of example.py, with which an exported folder translates a file by onnxruntime alone."""

import numpy as np

from pix2pix.checkpoint import ModelCard
from pix2pix.config import Scale
from pix2pix.data.manifest import SideRecord
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
    multiple = 2**network.config.depth
    return card.scale == "stretch" and bool(network.mask_shapes(multiple, multiple))


def example_script(card: ModelCard, network: InferenceNetwork) -> str:
    """Return a script of at most 20 lines for this model: python example.py INPUT OUTPUT."""
    reads, writes = _is_picture(card.source), _is_picture(card.target)
    lines = [
        f'"""Run as: python example.py {_suffix(reads, "IN")} {_suffix(writes, "OUT")}"""',
        "import json",
        "import sys",
        "",
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
    if not any("json." in line for line in lines):
        lines.remove("import json")
    return "\n".join(lines) + "\n"


def _is_picture(side: SideRecord) -> bool:
    """Whether Pillow reads and writes the images; others are arrays in NPY files."""
    return (side.dtype == "uint8" and side.channels in _PILLOW_MODES) or (
        side.dtype == "uint16" and side.channels == 1
    )


def _suffix(is_picture: bool, name: str) -> str:
    return f"{name}.png" if is_picture else f"{name}.npy  # (height, width, channels)"


def _reading(card: ModelCard) -> list[str]:
    """Lines that make `x`: the source (H, W, C) in [-1, 1], of the size of the network."""
    side = card.source
    low, high = side.value_range
    if _is_picture(side):
        lines = [f"picture = Image.open(sys.argv[1]){_conversion(side)}", *_resizing(card)]
        lines.append("x = np.asarray(picture, np.float32).reshape(*picture.size[::-1], -1)")
    else:
        lines = [f"x = np.load(sys.argv[1]).astype(np.float32)  # {_size_note(card)}"]
    if side.void_label is not None:
        lines.append(f"x[x == {side.void_label}] = {side.num_labels}  # pixels without a class")
    return [*lines, f"x = (x - {low:g}) * (2 / {high - low:g}) - 1"]


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
    lines = ['feeds = {"source": x.transpose(2, 0, 1)[None]}']
    multiple = 2**network.config.depth
    if has_masks_file(card, network):
        lines.append(f'feeds.update(np.load("{masks_file(network.mode)}"))  # dropout')
    elif network.mask_shapes(multiple, multiple):
        rate = network.config.dropout
        lines += [
            'dropout = json.loads(session.get_modelmeta().custom_metadata_map["pix2pix.dropout"])',
            f"height, width = (-(-side // {multiple}) * {multiple} for side in x.shape[:2])",
            'for mask in dropout["masks"]:  # other seeds give other translations',
            '    shape = mask["channels"], height // mask["stride"], width // mask["stride"]',
            f"    kept = np.random.default_rng({card.seed}).random(shape) >= {rate:g}",
            f'    feeds[mask["name"]] = (kept / {1 - rate:g}).astype(np.float32)',
        ]
    return lines


def _writing(card: ModelCard) -> list[str]:
    side = card.target
    low, high = side.value_range
    values = f"((fake + 1) * {(high - low) / 2:g} + {low:g}).clip({low:g}, {high:g})"
    if np.dtype(side.dtype).kind in "iu":
        values = f"np.rint({values}).astype(np.{side.dtype})"
    lines = [f"y = {values}"]
    if side.num_labels is not None and side.void_label is not None:
        lines.append(f"y[y == {side.num_labels}] = {side.void_label}  # pixels without a class")
    if not _is_picture(side):
        return [*lines, "np.save(sys.argv[2], y)"]
    pixels = "y[..., 0]" if side.channels == 1 else "y"
    return [*lines, f"Image.fromarray({pixels}).save(sys.argv[2])"]
