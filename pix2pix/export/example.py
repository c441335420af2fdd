"""The text of example.py, with which an exported folder translates a file by onnxruntime alone."""

from collections.abc import Sequence

import numpy as np

from pix2pix.config import Scale
from pix2pix.data.manifest import FIRST_SOURCE, SideRecord
from pix2pix.export.network import mask_names
from pix2pix.images.encode import file_suffix
from pix2pix.model_card import ModelCard
from pix2pix.models import InferenceMode, InferenceNetwork

_PILLOW_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_PILLOW_KERNELS = {
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "nearest": "NEAREST",
}
# Pillow's box filter takes whole pixels; this takes parts of pixels as well, as the kernel `area`.
_AREA = (
    "def area(x, size):  # averages of boxes; `shares` are those of old pixels in new ones",
    "    edges = [np.linspace(0, n, m + 1)[:, None] - np.arange(n) "
    "for n, m in zip(x.shape, size[::-1])]",
    "    shares = [np.diff(e.clip(0, 1), axis=0) * (len(e) - 1) / e.shape[1] for e in edges]",
    '    means = np.einsum("ij,jkc,lk->ilc", shares[0], x, shares[1], optimize=True)',
    "    return np.rint(means).astype(np.float32)",
)
_AVERAGING = "x = area(x, "


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
    """Return a script for this model: python example.py INPUT OUTPUT.

    It has at most 20 lines, five more if it averages areas, and four more for each extra source,
    whose files follow INPUT.
    """
    reads = {name: _is_picture(side) for name, side in card.sources.items()}
    writes = _is_picture(card.target)
    files = [_suffix(is_picture, _argument(name)) for name, is_picture in reads.items()]
    files.append(_suffix(writes, "OUT") + _arrays_note([*reads.values(), writes]))
    joining = _joining(card)
    lines = [
        f'"""Run as: python example.py {" ".join(files)}"""',
        "import sys",
        "import numpy as np",
        "import onnxruntime",
        *_pillow(reads=any(reads.values()), writes=writes),
        f"len(sys.argv) == {len(files) + 1} or sys.exit(__doc__)",
        *(_AREA if any(_averages(line) for line in joining) else ()),
        f'session = onnxruntime.InferenceSession("{network.mode}.onnx")',
        *joining,
        *_masks(card, network),
        'fake = session.run(["fake"], feeds)[0][0].transpose(1, 2, 0)  # in [-1, 1]',
        *_writing(card),
    ]
    return "\n".join(lines) + "\n"


def _pillow(*, reads: bool, writes: bool) -> list[str]:
    if reads:
        return ["from PIL import Image, ImageOps"]
    return ["from PIL import Image"] if writes else []


def _is_picture(side: SideRecord) -> bool:
    """Whether Pillow reads and writes the images; others are arrays in NPY files."""
    is_png = file_suffix(side.dtype, side.channels, alpha=side.alpha) == ".png"
    modes = _PILLOW_MODES if side.dtype == "uint8" else (1,)
    return is_png and side.channels in modes


def _argument(source: str) -> str:
    return "IN" if source == FIRST_SOURCE else source.upper()


def _suffix(is_picture: bool, name: str) -> str:
    return f"{name}.png" if is_picture else f"{name}.npy"


def _arrays_note(are_pictures: Sequence[bool]) -> str:
    return "" if all(are_pictures) else "  (NPY: height, width, channels)"


def _joining(card: ModelCard) -> list[str]:
    """Lines that make `feeds` with the input: the channels of all sources, as the network's."""
    if not card.extra_sources:
        return [
            *_reading(card, card.source, 1, _size(card)),
            f'feeds = {{"source": ({_network_values(card.source)}).transpose(2, 0, 1)[None]}}',
        ]
    lines = []
    for number, side in enumerate(card.sources.values(), start=1):
        size = _size(card) if number == 1 else "parts[0].shape[1::-1]"
        lines += _reading(card, side, number, size)
        values = _network_values(side)
        lines.append(f"parts = [{values}]" if number == 1 else f"parts.append({values})")
    joined = "np.concatenate(parts, axis=2, dtype=np.float32)"
    return [*lines, f'feeds = {{"source": {joined}.transpose(2, 0, 1)[None]}}']


def _reading(card: ModelCard, side: SideRecord, number: int, size: str | None) -> list[str]:
    """Lines that make `x`: a source (H, W, C), of the size that the network receives.

    `size` is an expression for that width and height; None: as the file is.
    """
    if not _is_picture(side):
        return [f"x = np.load(sys.argv[{number}]).astype(np.float32)  # {_size_note(card)}"]
    return [
        # Cameras note in EXIF how a picture is to be turned.
        f"picture = ImageOps.exif_transpose(Image.open(sys.argv[{number}])){_conversion(side)}",
        *([] if size is None or side.kernel == "area" else [_resizing(size, side.kernel)]),
        "x = np.asarray(picture, np.float32).reshape(*picture.size[::-1], -1)",
        *([] if size is None or side.kernel != "area" else [f"{_AVERAGING}{size})"]),
    ]


def _resizing(size: str, kernel: str) -> str:
    return f"picture = picture.resize({size}, Image.Resampling.{_PILLOW_KERNELS[kernel]})"


def _averages(line: str) -> bool:
    return line.startswith(_AVERAGING)


def _conversion(side: SideRecord) -> str:
    """Class ids and 16-bit pictures are taken as they are."""
    if side.dtype != "uint8" or side.num_labels is not None:
        return ""
    return f'.convert("{_PILLOW_MODES[side.channels]}")'


def _size(card: ModelCard) -> str | None:
    """An expression for the width and height of the network's input; None: the picture's own."""
    scale = card.image_scale
    match scale.rule:
        case "stretch":
            height, width = scale.size_of(1, 1)
            return f"({width}, {height})"
        case "fit":
            # Half a pixel is rounded up, as by Scale.size_of.
            rounded = f"(2 * {scale.size} * side // min(picture.size) + 1) // 2"
            return f"[{rounded} for side in picture.size]"
        case "none":
            if scale.target_scale == 1:
                return None
            return f"[round({scale.target_scale:g} * side) for side in picture.size]"


def _size_note(card: ModelCard) -> str:
    scale: Scale = card.image_scale
    sizes = {
        "stretch": f"of size {scale.size}" if isinstance(scale.size, int) else f"of {scale.size}",
        "fit": f"shorter side {scale.size}",
        "none": "any size",
    }
    return f"{sizes[scale.rule]}, (height, width, channels)"


def _network_values(side: SideRecord) -> str:
    """An expression of `x` with the channels that the network receives of a side."""
    low, high = side.value_range
    values = "x" if low == 0 else f"(x - {_number(low)})"
    if side.void_label is not None:  # pixels without a class are one class more
        values = f"np.where(x == {side.void_label}, {side.num_labels}, {values})"
    if side.encoding == "one_hot":
        return f"np.eye({side.network_channels}, dtype=np.float32)[{values}[..., 0].astype(int)]"
    return f"{values} * (2 / {_number(high - low)}) - 1"


def _number(value: float) -> str:
    """A number with all its digits, without a point if it is whole."""
    return str(int(value)) if float(value).is_integer() else str(float(value))


def _masks(card: ModelCard, network: InferenceNetwork) -> list[str]:
    """Lines that add the dropout masks to `feeds`."""
    if has_masks_file(card, network):
        return [f'feeds.update(np.load("{masks_file(network.mode)}"))  # dropout']
    if levels := mask_names(network):
        rate, multiple = network.config.dropout, network.config.multiple_px
        masks = [(name, network.config.width(at - 1), 2**at) for name, at in levels.items()]
        return [
            f"random = np.random.default_rng({card.seed})  # other seeds, other translations",
            f"height, width = (-(-side // {multiple}) * {multiple} for side in x.shape[:2])",
            f"for name, channels, stride in {masks}:",
            f"    kept = random.random((channels, height // stride, width // stride)) >= {rate:g}",
            f"    feeds[name] = (kept / {1 - rate:g}).astype(np.float32)",
        ]
    return []


def _writing(card: ModelCard) -> list[str]:
    """Lines that write `fake` (H, W, C) with the values of files."""
    side = card.target
    low, high = side.value_range
    values = f"(fake + 1) * {_number((high - low) / 2)}{f' + {_number(low)}' if low else ''}"
    if np.dtype(side.dtype).kind in "iu":  # a declared range may be wider
        low, high = max(low, 0), min(high, np.iinfo(side.dtype).max)
    values = f"({values}).clip({_number(low)}, {_number(high)})"
    if np.dtype(side.dtype).kind in "iu":
        values = f"np.rint({values}).astype(np.{side.dtype})"
    lines = [f"y = {values}"]
    if side.num_labels is not None and side.void_label is not None:
        lines.append(f"y[y == {side.num_labels}] = {side.void_label}  # pixels without a class")
    if not _is_picture(side):
        return [*lines, "np.save(sys.argv[-1], y)"]
    pixels = "y[..., 0]" if side.channels == 1 else "y"
    return [*lines, f"Image.fromarray({pixels}).save(sys.argv[-1])"]
