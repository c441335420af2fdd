"""Smaller ONNX files, which are not exact: their error is measured and written beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor

from pix2pix.errors import UserError
from pix2pix.export.parity import Network

_CONVOLUTIONS = ["Conv", "ConvTranspose"]  # they have nearly all weights and all of the work
_LARGEST_HALF = float(np.finfo(np.float16).max)

Inputs = Sequence[tuple[Tensor, Sequence[Tensor]]]  # sources (N, C, H, W) and their masks


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredError:
    """Absolute differences to the float32 file, in the network's range [-1, 1]."""

    largest: float
    mean: float


def with_half_weights(model: ModelProto) -> ModelProto:
    """Return a model that stores the weights of convolutions in half precision (fp16).

    It computes in float32, so the error is the same in every runtime and on every device. The file
    is half as large. Raises UserError if a weight is too large for fp16.
    """
    smaller = ModelProto()
    smaller.CopyFrom(model)
    casts = []
    for tensor in smaller.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 4:
            name, values = tensor.name, numpy_helper.to_array(tensor)
            if np.abs(values).max() > _LARGEST_HALF:
                raise UserError(f"weights of {np.abs(values).max():g} are too large for --fp16")
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *smaller.graph.node]
    del smaller.graph.node[:]
    smaller.graph.node.extend(nodes)
    onnx.checker.check_model(smaller, full_check=True)
    return smaller


def write_int8(path: Path, float_path: Path, input_names: Sequence[str], inputs: Inputs) -> None:
    """Write the model of `float_path` with convolutions in 8-bit integers (static quantization).

    `inputs` decide which range of values each convolution gets.
    """
    prepared_path = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(float_path), str(prepared_path), skip_symbolic_shape=True)
    quantize_static(
        str(prepared_path),
        str(path),
        _Calibration(input_names, inputs),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=_CONVOLUTIONS,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared_path.unlink()
    # The quantizer keeps no metadata.
    model = onnx.load(path)
    metadata = {each.key: each.value for each in onnx.load(float_path).metadata_props}
    onnx.helper.set_model_props(model, metadata)
    onnx.save(model, path)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """The inputs one by one, as onnxruntime asks for them."""

    def __init__(self, input_names: Sequence[str], inputs: Inputs) -> None:
        self._feeds: Iterator[dict[str, np.ndarray]] = (
            dict(zip(input_names, (each.numpy() for each in (source, *masks)), strict=True))
            for source, masks in inputs
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def measure_error(smaller: Network, exact: Network, inputs: Inputs) -> MeasuredError:
    """Run both on all inputs."""
    differences = [
        (smaller(source, masks) - exact(source, masks)).abs().flatten() for source, masks in inputs
    ]
    return MeasuredError(
        largest=max(float(each.max()) for each in differences),
        mean=float(np.mean([float(each.mean()) for each in differences])),
    )
