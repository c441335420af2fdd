"""The sections of params.yaml as parameters of flows: typed forms in which any key may be left out.

A key that is left out has the value of the revision that runs. The values that the forms show are
those of the params.yaml in force when the deployment was made; what the forms take does not depend
on that file. `make up` refuses a file that cannot be read.
"""

import dataclasses
import functools
import json
import logging
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self, get_type_hints

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema

from pix2pix.config import (
    AugmentConfig,
    DataConfig,
    EvaluateConfig,
    ModelConfig,
    RegisterConfig,
    TrainConfig,
    TuneConfig,
    load_params,
)
from pix2pix.config.validation_text import all_wrong
from pix2pix.errors import UserError

logger = logging.getLogger(__name__)


class Overrides(BaseModel):
    """Some keys of a section."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=(), frozen=True
    )

    place: ClassVar[tuple[str, ...]]  # of the section in params.yaml

    @model_validator(mode="wrap")
    @classmethod
    def _as_json(
        cls, value: Any, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        """Be as strict as with params.yaml: about numbers and strings, yet lists become tuples."""
        if isinstance(value, dict) and value and info.mode == "python":
            return cls.model_validate_json(json.dumps(value))
        # A validator of pydantic receives Python's lists even where it reads JSON.
        return handler(_with_tuples(value))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """With the values in force, so that forms come filled in.

        Raises nothing: Prefect would take the section for one that holds anything.
        """
        schema = handler(core_schema)
        resolved = handler.resolve_ref_schema(schema)
        section = values_in_force()
        for key in cls.place:
            section = section.get(key, {})
        for name, about in resolved.get("properties", {}).items():
            about.pop("default", None)
            if name in section:
                about["default"] = section[name]
        if len(cls.place) == 1:  # the definitions of what is nested in it are complete by now
            _describe_in_markdown(schema, handler)
        return schema

    @model_serializer(mode="wrap")
    def _only_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What was given, as params.yaml would hold it; nothing stands for what was not."""
        given_keys = self.model_fields_set
        return {name: value for name, value in handler(self).items() if name in given_keys}


def _describe_in_markdown(schema: dict[str, Any], handler: GetJsonSchemaHandler) -> None:
    """Turn each description in `schema`, and in what it refers to, into Markdown.

    Prefect shows descriptions as Markdown with HTML, in which plain text would lose `<key>`.
    """
    seen: set[str] = set()

    def visit(value: Any) -> None:
        if isinstance(value, list):
            for each in value:
                visit(each)
        elif isinstance(value, dict):
            if isinstance(text := value.get("description"), str):
                value["description"] = _markdown(text)
            if isinstance(reference := value.get("$ref"), str) and reference not in seen:
                seen.add(reference)
                visit(handler.resolve_ref_schema({"$ref": reference}))
            for key in value.keys() - {"default"}:
                visit(value[key])

    visit(schema)


def _markdown(text: str) -> str:
    """A text as one line of Markdown that shows its very characters; `code` stays code.

    Without backslashes: Prefect's second user interface shows the line as it stands.
    """
    return " ".join(map(_markdown_word, text.split()))


def _markdown_word(word: str) -> str:
    if "`" in word or not re.search(r"[<*\\&~]", word):
        return word
    code = word.rstrip(".,:;")
    return f"`{code}`{word[len(code) :]}"


def _with_tuples(value: Any) -> Any:
    """The value with a tuple in place of each list, as the parameters have them."""
    if isinstance(value, dict):
        return {key: _with_tuples(each) for key, each in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, list) else value


def values_in_force() -> dict[str, Any]:
    """The parameters of the current folder as JSON holds them; none if there is no such file."""
    try:
        found: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(load_params())))
    except (UserError, OSError) as error:
        _warn(str(error))
        return {}
    return found


@functools.cache
def _warn(reason: str) -> None:
    """Say it once, not for each section of each flow."""
    logger.warning("the forms of the flows come without values: %s", reason)


def _form(section: type, *place: str) -> Any:
    """The form of a section: its fields, none of them required."""
    hints = get_type_hints(section, include_extras=True)
    described = TypeAdapter(section).json_schema()["properties"]
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            nested = _form(hint, *place, field.name)
            fields[field.name] = (nested, nested())
        else:
            # The default is never used: only what was given is.
            text = described[field.name]["description"]
            fields[field.name] = (hint, Field(default=None, description=text))
    name = "".join(part.title().replace("_", "") for part in place)
    form = create_model(name, __base__=Overrides, __doc__=section.__doc__, **fields)
    form.place = place
    return form


# Classes, not values: Prefect reads them from the flows' annotations, and so do type checkers.
class DataForm(_form(DataConfig, "data")):  # type: ignore[misc]
    """Which pairs, and how they are prepared."""


class AugmentForm(_form(AugmentConfig, "augment")):  # type: ignore[misc]
    """Random changes of training pairs."""


class ModelForm(_form(ModelConfig, "model")):  # type: ignore[misc]
    """The two networks."""


class TrainForm(_form(TrainConfig, "train")):  # type: ignore[misc]
    """Optimisation, and where it runs."""


class TuneForm(_form(TuneConfig, "tune")):  # type: ignore[misc]
    """The search for better parameters."""


class EvaluateForm(_form(EvaluateConfig, "evaluate")):  # type: ignore[misc]
    """How the test split is scored."""


class RegisterForm(_form(RegisterConfig, "register")):  # type: ignore[misc]
    """Where the run and the model go in MLflow, and which version becomes the champion."""


def given(**sections: Overrides) -> dict[str, Any]:
    """The keys that were given, by section; sections without any are left out."""
    return {name: keys for name, form in sections.items() if (keys := form.model_dump(mode="json"))}


class _Sections(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    data: DataForm = DataForm()
    augment: AugmentForm = AugmentForm()
    model: ModelForm = ModelForm()
    train: TrainForm = TrainForm()
    tune: TuneForm = TuneForm()
    evaluate: EvaluateForm = EvaluateForm()
    register: RegisterForm = RegisterForm()


def check_sections(sections: Mapping[str, Any]) -> None:
    """Check sections as the forms do that a flow takes, and a section's name besides.

    Raises UserError with a line for each wrong key. Prefect's own message repeats all parameters.
    """
    try:
        _Sections.model_validate(sections)
    except ValidationError as error:
        raise UserError(all_wrong(error.errors())) from None
