"""How each section of params.yaml is validated."""

from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

Probability = Annotated[float, Field(ge=0, le=1)]
