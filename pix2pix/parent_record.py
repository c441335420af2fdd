"""What is recorded about the trained networks that a training started from."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from pix2pix.config import InitNetworks
from pix2pix.config.strict import STRICT


@dataclass(frozen=True, kw_only=True, slots=True)
class ParentRecord:
    """The parent of a training, in its model card and in reports/train.json.

    `model_sha256` is, of a registered version and of a model folder, the hash that MLflow has in
    the tag `pix2pix.model_sha256`; of a published file it is the hash of that file.
    """

    __pydantic_config__ = STRICT

    # `train.init_from`, such as models:/NAME/3.
    reference: Annotated[str, Field(max_length=4096)]
    model_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    networks: InitNetworks
    new_layers: tuple[str, ...]  # drawn anew, because their channels differ from the parent's
    unlike: str | None  # how its images and settings differ; None if they do not

    @property
    def summary(self) -> str:
        """One line: the parent, what was taken over, and what was not."""
        networks = "both networks" if self.networks == "both" else "the generator"
        new = f", with new {' and '.join(self.new_layers)}" if self.new_layers else ""
        return f"{networks} of {self.reference}{new}"
