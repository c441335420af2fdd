"""The rules by which each section of params.yaml is validated."""

from typing import Annotated

from pydantic import ConfigDict, Field

# The text below each field is its description in the forms of the flows.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

Probability = Annotated[float, Field(ge=0, le=1)]
