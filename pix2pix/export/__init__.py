"""Export a trained generator for programs that have neither torch nor this project.

`write_export` of `folder` writes an ONNX file and a torch.export file for each inference mode, once
their outputs are shown to be those of the inference network (`parity`). The modules here import
onnx and onnxruntime, which are optional dependencies; see `libraries`.
"""
