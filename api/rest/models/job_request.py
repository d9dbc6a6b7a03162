"""Requests for jobs: models whose members are derived from the options of a job."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin

from pydantic import AliasChoices, BaseModel, Field, JsonValue, ValidationError, create_model
from pydantic.alias_generators import to_camel

from api.rest.models.base import Model, RequestModel
from schemas.job_options.choices import LABELS
from schemas.job_options.options import Declared, declared_options
from schemas.job_options.read_options import SheetOptions as DeclaredSheetOptions
from schemas.language.wording import validation_message


class SheetOptions(Model, DeclaredSheetOptions):
    """How one sheet of a workbook is read, where that is not to be inferred from it."""


class JobRequest(RequestModel):
    """A request whose members are the options of a job, those of nested models included; names are in camelCase."""

    declared_by: ClassVar[type[BaseModel]]
    """The job whose options these are."""

    left_out: ClassVar[dict[str, str]] = {}
    """The options that the request does not have, by their member, with the reason."""

    def values(self) -> dict[str, Any]:
        """Return the options as the job holds them: under the names of its fields, in its nested models."""
        given = self.model_dump()
        values: dict[str, Any] = {}
        for option in declared_options(self.declared_by):
            if option.member in given and option.member not in self.left_out:
                place = values.setdefault(option.within, {}) if option.within else values
                place[option.name] = given[option.member]
        return values


Request = TypeVar("Request", bound=JobRequest)


def derived(model: type[Request]) -> type[Request]:
    """Add the options of its job to a request; a member that the class declares itself stays as it is."""
    options = [each for each in declared_options(model.declared_by) if each.member not in model.left_out]
    members: Any = {each.member: _field(each) for each in options if each.member not in model.model_fields}
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **members)


def field_of(job: type[BaseModel], member: str) -> Any:
    """Return the default, bounds and description of an option, for a member whose type the class itself declares."""
    option = next(each for each in declared_options(job) if each.member == member)
    _, field = _field(option)
    field.metadata.extend(option.info.metadata)
    return field


def _field(option: Declared) -> tuple[Any, Any]:
    """The type and default of a member; what validates it stays annotated to its type."""
    info = option.info
    default = {"default_factory": info.default_factory} if info.default_factory else {"default": info.get_default()}
    other = [name.replace("-", "_") for name in option.option.also]
    names = [name for each in [option.member, *other] for name in (to_camel(each), each)]
    field = Field(
        **default,
        title=info.title,
        description=info.description,
        examples=info.examples,
        json_schema_extra=_labels(option),
        validation_alias=AliasChoices(*dict.fromkeys(names)) if other else None,
    )
    return Annotated[(_camel_case(info.annotation), *info.metadata)], field


def _labels(option: Declared) -> dict[str, JsonValue] | None:
    """How people choose among the values of an option: an extension of JSON Schema."""
    labels = LABELS.get(option.type)
    return {"x-labels": [{"value": value, "label": label} for value, label in labels.items()]} if labels else None


def _camel_case(annotation: Any) -> Any:
    """A type with the models of this API in place of those of jobs."""
    if get_origin(annotation) is dict and DeclaredSheetOptions in get_args(annotation):
        return dict[str, SheetOptions]
    return annotation


def consistent(request: Request) -> Request:
    """Return a request whose options go together; raises ValueError for those that the job refuses."""
    try:
        request.declared_by.model_validate(request.values())
    except ValidationError as error:
        raise ValueError(validation_message(error.errors()[0]["msg"])) from error
    return request
