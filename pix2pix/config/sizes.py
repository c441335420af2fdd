"""Sizes of images in params.yaml: one number for a square, or [height, width]."""

from typing import Annotated, Any, Literal, NamedTuple, assert_never

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

# A U-Net halves the image once per level; fewer than five levels see too little context, and the
# published layouts stop at eight.
SIZE_MULTIPLE_PX = 32

# The smallest image of which every score exists: the window of SSIM (Wang et al. 2004, sec. 3).
SMALLEST_PX = 11

# How files come to the size of the networks: see `data.resize`.
ScaleRule = Literal["stretch", "fit", "none"]
Size = int | tuple[int, int]  # px; a pair is (height, width)


def _one_reason(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Give one reason, not one per form of the value; a pair of equal lengths is a square."""
    is_pair = isinstance(value, list | tuple)
    try:
        size = handler(tuple(value) if is_pair else value)
        return size[0] if is_pair and size[0] == size[1] else size
    except ValidationError as error:
        reason = error.errors(include_url=False)[-1 if is_pair else 0]["msg"]
    if is_pair:
        reason = f"a list must be [height, width]; {reason}"
    raise ValueError(reason)


_Multiple = Annotated[int, Field(ge=SIZE_MULTIPLE_PX, le=4096, multiple_of=SIZE_MULTIPLE_PX)]
ImageSize = Annotated[_Multiple | tuple[_Multiple, _Multiple], WrapValidator(_one_reason)]

_Length = Annotated[int, Field(ge=1, le=8192)]
LoadSize = Annotated[_Length | tuple[_Length, _Length], WrapValidator(_one_reason)]


def height_width(size: Size) -> tuple[int, int]:
    """Height and width of images of this size."""
    return size if isinstance(size, tuple) else (size, size)


def size_text(size: Size) -> str:
    """The size as it is written in params.yaml: 256 or [256, 512]."""
    return str(list(size) if isinstance(size, tuple) else size)


class Scale(NamedTuple):
    """How images come to the size that the networks receive: the rule, and the size it needs.

    `size` is the size of the result for `stretch`, the length of its shorter side for `fit`, and
    None for `none`. `target_scale` says how many times as high and wide a target is as its source:
    sources are brought to the size of their target, because the output of a U-Net has the size of
    its input.
    """

    rule: ScaleRule
    size: Size | None
    target_scale: float = 1.0

    def target_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the target of a source of this height and width."""
        if self.target_scale == 1:
            return height, width
        scaled = (max(1, round(side * self.target_scale)) for side in (height, width))
        return next(scaled), next(scaled)

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in which the networks receive a source of this height and width."""
        height, width = self.target_size(height, width)
        match self.rule:
            case "stretch":
                assert self.size is not None
                return height_width(self.size)
            case "fit":
                assert isinstance(self.size, int)
                shorter = min(height, width)
                # Half a pixel is rounded up, in integers: floats differ between machines.
                return (
                    (2 * height * self.size + shorter) // (2 * shorter),
                    (2 * width * self.size + shorter) // (2 * shorter),
                )
            case "none":
                return height, width
            case _:
                assert_never(self.rule)
