"""The rules by which each section of params.yaml is validated."""

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, WrapValidator

# The text below each field is its description in the forms of the flows.
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

# Far above any use, and what databases, files and forms can hold. A larger number is a slip of the
# finger.
MAX_COUNT = 10**9

Count = Annotated[int, Field(ge=1, le=MAX_COUNT)]
CountFromZero = Annotated[int, Field(ge=0, le=MAX_COUNT)]

NUM_SEEDS = 2**32
Seed = Annotated[int, Field(ge=0, lt=NUM_SEEDS)]

Probability = Annotated[float, Field(ge=0, le=1)]


def one_reason(reason: str) -> WrapValidator:
    """Refuse a value with this reason, where pydantic would give one for each form of the value."""

    def validated(value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(reason) from None

    return WrapValidator(validated)


def _without_tilde(path: str) -> str:
    if path.startswith("~"):
        raise ValueError(
            "~ stands for a home folder in a shell alone; write the path in full, such as "
            "/home/NAME/pairs, or relative to the project"
        )
    return path


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_without_tilde)]
