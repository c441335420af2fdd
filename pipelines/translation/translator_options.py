"""How images are translated: what a person may choose for a model, here and on a cluster."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.evaluation.device import inference_device
from pix2pix.inference import InferenceScale, Translator
from pix2pix.models import InferenceMode


@dataclass(frozen=True, kw_only=True, slots=True)
class TranslatorOptions:
    """The options of `Translator.load`, and the scale of what it translates."""

    scale: InferenceScale = "training"
    mode: InferenceMode | None = None  # None: that of the model
    max_memory_gib: float | None = None  # None: what is free
    from_photo: bool = False  # whether the model's recipe makes the sources from photos

    def load(self, model_dir: Path) -> Translator:
        """Load the model of a folder for the GPU of this machine, else its CPU.

        Raises UserError as `Translator.load` does.
        """
        return Translator.load(
            model_dir,
            device=str(inference_device()),
            mode=self.mode,
            max_memory_gib=self.max_memory_gib,
            from_photo=self.from_photo,
        )
