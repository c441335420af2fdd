"""The code with which MLflow serves a registered model; it is copied into the model as source.

MLflow executes this file when it saves and when it loads a model. When it loads one, the model's
own copy of the package `pix2pix` is on the Python path.
"""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from pix2pix.errors import UserError
from pix2pix.inference import Translator


class ServedTranslator(PythonModel):
    """Translates (N, H, W, C) of the source's dtype to (N, H, W, C') of the target's.

    A model of several sources takes a batch for each of them, by name.

    MLflow's server calls `predict` from several threads at a time.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Load the generator to the device the model is configured for."""
        model_dir = Path(context.artifacts["model"])
        self.translator = Translator.load(model_dir, device=context.model_config["device"])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002 - MLflow passes it by name
        model_input: np.ndarray,  # or one by name of source: MLflow warns of a hint that says so
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Translate; MLflow has checked shape and dtype against the model's signature.

        Raises MlflowException, which the server answers with status 400 and the reason.
        """
        try:
            return self.translator.translate_batch(model_input)
        except UserError as error:
            raise MlflowException(error.for_sender, error_code=INVALID_PARAMETER_VALUE) from None


set_model(ServedTranslator())
