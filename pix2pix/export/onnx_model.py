"""A program of torch.export as an ONNX model, and how it is run."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from onnx import ModelProto
from torch import Tensor
from torch.export import ExportedProgram

from pix2pix.errors import UserError
from pix2pix.export.network import FAKE, SOURCE

METADATA_PREFIX = "pix2pix."

_OPSET = 18  # the lowest of torch's current exporter, which most runtimes have
_MOST_BYTES = 2**31 - 2**20  # of one protobuf message


def onnx_model(program: ExportedProgram, description: Mapping[str, Any]) -> ModelProto:
    """Translate a program of `exported_program` to ONNX; `description` becomes its metadata.

    Raises UserError if the model is larger than an ONNX file can be.
    """
    masks = [mask["name"] for mask in description["dropout"]["masks"]]
    num_bytes = sum(each.nbytes for each in program.state_dict.values())
    if num_bytes > _MOST_BYTES:
        raise UserError(
            f"the generator has {num_bytes / 2**30:.1f} GiB of weights, and an ONNX file holds at "
            "most 2; export a model of fewer model.base_channels"
        )
    for name in ("onnx_ir", "onnxscript"):  # they log each step of theirs
        logging.getLogger(name).setLevel(logging.WARNING)
    made = torch.onnx.export(
        program,
        dynamo=True,
        input_names=[SOURCE, *masks],
        output_names=[FAKE],
        opset_version=_OPSET,
        verbose=False,
    )
    assert made is not None
    model = made.model_proto
    _name_dimensions(model)
    _remove_torch_notes(model)
    metadata = {METADATA_PREFIX + key: json.dumps(value) for key, value in description.items()}
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def _name_dimensions(model: ModelProto) -> None:
    """Give the free dimensions names that a reader understands; torch calls them s38 and so on."""
    del model.graph.value_info[:]  # it has torch's names
    for value in (*model.graph.input, *model.graph.output):
        dimensions = value.type.tensor_type.shape.dim
        names = {0: "batch", 2: "height", 3: "width"}
        if value.name not in (SOURCE, FAKE):
            names = {1: f"{value.name}_height", 2: f"{value.name}_width"}
        for index, name in names.items():
            dimensions[index].dim_param = name


def _remove_torch_notes(model: ModelProto) -> None:
    """Remove what torch notes about its own nodes, which is as large as a small network."""
    graph = model.graph
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.ClearField("doc_string")


class OnnxNetwork:
    """An ONNX file, or its content, in onnxruntime on the CPU, called as `PortableNetwork`."""

    def __init__(self, model: Path | bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        self._session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            options,
            providers=["CPUExecutionProvider"],
        )
        self.input_names = [each.name for each in self._session.get_inputs()]

    def __call__(self, source: Tensor, masks: Sequence[Tensor]) -> Tensor:
        """Translate a batch."""
        arrays = [each.numpy() for each in (source, *masks)]
        (fake,) = self._session.run(None, dict(zip(self.input_names, arrays, strict=True)))
        return torch.from_numpy(fake)
