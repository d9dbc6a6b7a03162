"""A resource type: one pandera model and its own declarations; everything else is derived from it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from inspect import getattr_static
from itertools import product
from typing import TypeAlias, TypeVar, get_type_hints

import pandera.polars as pa
import polars as pl
from pandera.api.dataframe.model_components import FieldInfo
from pandera.engines import polars_engine

from schemas.language.spelling import plain, snake_case
from schemas.model import citations
from schemas.model import fields as f
from schemas.model.documents import Document, Terraform
from schemas.model.fields import SPEC, Spec
from schemas.model.kinds.text import CODE
from schemas.model.rules import DEAD_STATES, STATE, RecordRule, Reference, RowRule, SetRule

NATURAL_KEY = "natural_key"
"""The column of a natural key that is more than one field."""

SOURCE_ID = "source_id"
"""The field of the id that a record has in the system that it comes from."""


class Record(pa.DataFrameModel):
    """What every resource type has."""

    name: str = f.text("Name", longest=255, example="core-network", aws="Tags[?Key=='Name'].Value | [0]")
    description: str = f.text(
        "Description",
        longest=1024,
        example="Core network, Frankfurt",
        aliases=("comment", "comments", "note", "notes", "remark", "remarks"),
        aws="Description",
    )
    tags: str = f.tags("Tags", example="Owner=network,Project=core", aws="Tags")


class SourcedRecord(Record):
    """What every type has whose records have no id of their own but that of the system that they come from."""

    source_id: str = f.text(
        "ID in its source",
        longest=255,
        example="netbox.example.com:123",
        description="The system that the record comes from and its id there: it stays where the record is renamed.",
    )


class AwsRecord(Record):
    """What every type of AWS has; `environment`, `project`, `owner` and `cost_center` come from tags of that name.

    A tag's value, and so a name, has at most 256 characters.
    """

    name: str = f.text(
        "Name", longest=256, source=citations.TAGS, example="core-network", aws="Tags[?Key=='Name'].Value | [0]"
    )
    tags: str = f.aws_tags("Tags", example="Owner=network,Project=core", aws="Tags")

    account_id: str = f.account(
        "Account ID", example="012345678901", aliases=("account", "owner id", "aws account"), aws="OwnerId"
    )
    region: str = f.region("Region", aliases=("aws region", "region code"))
    environment: str = f.text("Environment", longest=256, source=citations.TAGS, example="production", aliases=("env",))
    project: str = f.text("Project", longest=256, source=citations.TAGS, example="core")
    owner: str = f.text("Owner", longest=256, source=citations.TAGS, example="network-team")
    cost_center: str = f.text(
        "Cost center", longest=256, source=citations.TAGS, example="CC-1234", aliases=("cost centre",)
    )


TAGGED = ("environment", "project", "owner", "cost_center")
"""Fields of `AwsRecord` that an AWS document fills from the tag of that name."""


RecordModel = type[Record]
Rule = TypeVar("Rule", bound=SetRule)
KindOfRule: TypeAlias = type[Rule]


@dataclass(frozen=True)
class Resource:
    """One resource type; it raises on import when it contradicts itself.

    `key` names the fields of the natural key. With several, the key is their values joined by `/`. Of those in
    `first_of`, it has the first that has a value; those in `omitted` are left out where they are empty, and any other
    is empty then: `HQ/100`, `/100`. Where a table has no column for a field of `open_key`, its rows do not say which
    record they mean: they mean the only one that agrees in the others. `names` are other fields by which references
    name a record, where its value is unique. `source` is the page that its
    fields come from.
    """

    type: str
    title: str
    model: RecordModel
    key: tuple[str, ...]
    first_of: tuple[str, ...] = ()
    omitted: tuple[str, ...] = ()
    open_key: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    document: Document | None = None
    terraform: tuple[Terraform, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    set_rules: tuple[SetRule, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        """Refuse a declaration that contradicts itself."""
        for name in self._names_used():
            if name not in self.fields:
                raise TypeError(f"{self.type}: {name} is used, and is not one of its fields")
        annotations = get_type_hints(self.model)
        for name, spec in self.fields.items():
            declared = polars_engine.Engine.dtype(annotations[name]).type
            if declared != spec.kind.dtype:
                raise TypeError(f"{self.type}.{name}: annotated as {declared}, and its kind gives {spec.kind.dtype}")
        claimed: dict[str, str] = {}
        for name in self.fields:
            for spelling in frozenset().union(*self.spellings[name]):
                if claimed.setdefault(spelling, name) != name:
                    raise TypeError(f"{self.type}: {claimed[spelling]} and {name} are both called '{spelling}'")
        if not self.either and not self.fields[self.key[-1]].required:
            raise TypeError(f"{self.type}: its key {self.key[-1]} must be required")
        if not {*self.first_of, *self.omitted, *self.open_key} <= set(self.key):
            raise TypeError(f"{self.type}: what is said of its key names fields that are not part of it")
        named = [rule.field for rule in self.rules(Reference)]
        if len(self.key) > 1 and not {*named} & {*self.key} <= {*self.key_parts[0]}:
            raise TypeError(f"{self.type}: only the first part of its key can be a reference")

    def _names_used(self) -> list[str]:
        used = [*self.key, *self.names]
        for view in self.document.views if self.document else ():
            used += view.reads
        used += self.document.never if self.document else ()
        for each in self.terraform:
            used += each.reads
        for rule in self.row_rules:
            used += [rule.field, *rule.fields]
        for check in self.set_rules:
            used += [check.field, *check.reads]
        return used

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """The pandera schema of a typed batch."""
        return self.model.to_schema()

    @cached_property
    def _declared(self) -> dict[str, FieldInfo]:
        """What pandera's model declares for each field, those of its bases first.

        pandera takes long to make a schema of it, and most types are not validated in a process.
        """
        names = dict.fromkeys(name for base in reversed(self.model.__mro__) for name in vars(base))
        found = {name: getattr_static(self.model, name) for name in names}
        return {name: field for name, field in found.items() if isinstance(field, FieldInfo)}

    def schema_of(self, fields: Iterable[str], *, nullable: Collection[str] = ()) -> pa.DataFrameSchema:
        """Return the pandera schema of some fields, of which those that are `nullable` may be empty in any row."""
        # pandera's own ways copy all columns with all they have, which takes longer than to validate a small import.
        schema = copy(self.schema)
        schema.columns = {name: self.schema.columns[name] for name in fields}
        for name in nullable:
            schema.columns[name] = copy(schema.columns[name])
            schema.columns[name].nullable = True
        return schema

    @cached_property
    def fields(self) -> dict[str, Spec]:
        """Every field in its order: the key, the name, the type's own, then what all types share."""
        columns = {name: (declared.metadata or {})[SPEC] for name, declared in self._declared.items()}
        inherited = [*SourcedRecord.__annotations__, *Record.__annotations__]
        shared = [*(name for name in AwsRecord.__annotations__ if name not in inherited), *inherited]
        own = [name for name in columns if name not in shared]
        return {name: columns[name] for name in dict.fromkeys((*self.key, "name", *own, *shared)) if name in columns}

    @cached_property
    def spellings(self) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
        """Of every field, the plain spellings of its name and title, and those of its aliases."""
        return {
            name: (
                frozenset({plain(name), plain(spec.title)}),
                frozenset(plain(alias) for alias in (*spec.aliases, spec.aws or name)),
            )
            for name, spec in self.fields.items()
        }

    @cached_property
    def key_words(self) -> frozenset[str]:
        """What else names the key of a type of one key, plainly: the type and, where the key is an id, that it is."""
        if len(self.key) > 1:
            return frozenset()
        return frozenset({plain(self.type), plain(self.title), *(["id"] if self.id_form else [])})

    @cached_property
    def every_spelling(self) -> frozenset[str]:
        """Every plain name by which a column is known to be one of its fields."""
        return self.key_words.union(*(spelt for both in self.spellings.values() for spelt in both))

    @cached_property
    def example(self) -> dict[str, str]:
        """One record as text: the examples of its fields, without those that its own rules refuse in combination."""
        row = {name: spec.example for name, spec in self.fields.items() if spec.example}
        for rule in self.row_rules:
            while self._breaks(row, rule):
                named = [name for name in rule.fields if name in row and name not in (*self.required, *self.key)]
                del row[named[-1]]
        return row

    @cached_property
    def examples(self) -> tuple[dict[str, str], ...]:
        """The rows of a template: one with every field, one with the required ones alone; "" for an empty cell."""
        whole = {name: self.example.get(name, "") for name in self.fields}
        keys = {*self.required, *self.key}
        return whole, {name: value if name in keys else "" for name, value in whole.items()}

    def _breaks(self, row: dict[str, str], rule: RowRule) -> bool:
        cells = {
            name: spec.kind.read(pl.Series([row.get(name)], dtype=pl.String)) for name, spec in self.fields.items()
        }
        return bool(pl.DataFrame(cells).select(rule.broken().fill_null(value=False).alias("broken"))["broken"][0])

    @cached_property
    def fingerprint(self) -> str:
        """A short hash of the fields and their kinds: another one means that the type has changed since."""
        facts = [(name, spec.kind.name, spec.required, spec.choices) for name, spec in self.fields.items()]
        return hashlib.sha256(repr((self.type, self.key, facts)).encode()).hexdigest()[:12]

    @property
    def related(self) -> tuple[str, ...]:
        """The other types whose records its rules look at."""
        named = [name for rule in self.set_rules for name in rule.types]
        return tuple(dict.fromkeys(name for name in named if name != self.type))

    def rules(self, kind: KindOfRule[Rule]) -> tuple[Rule, ...]:
        """Return the rules over many records that are of a kind."""
        return tuple(rule for rule in self.set_rules if isinstance(rule, kind))

    @cached_property
    def dead(self) -> tuple[str, ...]:
        """The states in which a record is a tombstone: it is checked against nothing, and nothing against it."""
        spec = self.fields.get(STATE)
        return tuple(state for state in spec.choices if state.lower() in DEAD_STATES) if spec else ()

    def checked_fields(self, rule: RecordRule) -> tuple[str, ...]:
        """The fields that make a record be checked again when they change: the rule's, and what brings it to life."""
        return tuple(dict.fromkeys((*rule.checked_fields, STATE))) if self.dead else rule.checked_fields

    @property
    def id_prefix(self) -> str:
        """What the ids of its records begin with, such as `vpc`; "" for a type whose key is no id of AWS."""
        return self.fields[self.key[0]].prefix if len(self.key) == 1 else ""

    @property
    def required(self) -> tuple[str, ...]:
        """The fields that every new record must have."""
        return tuple(name for name, spec in self.fields.items() if spec.required)

    @property
    def beyond_reference(self) -> tuple[str, ...]:
        """The fields that a new record needs and that a reference to it does not hold."""
        needed = [name for name in self.required if name not in self.key]
        return tuple(needed or (self.key if len(self.key_parts) > 1 else ()))

    def known_as(self, value: str) -> str:
        """Return the field of the natural key that a reference's value belongs in: the first whose own rules it keeps.

        The key has to be of one part.
        """
        *others, last = self.known_by
        alone = [(name, rule) for name in others for rule in self.row_rules if rule.fields == (name,)]
        unlike = {name for name, rule in alone if self._breaks({name: value}, rule)}
        return next((name for name in others if name not in unlike), last)

    @cached_property
    def references(self) -> tuple[str, ...]:
        """The fields that name another record."""
        ids = [
            name
            for name, spec in self.fields.items()
            if spec.kind.name == CODE.name and "-([0-9a-f]" in (self.pattern(name) or "")
        ]
        named = [rule.field for rule in self.rules(Reference)]
        return tuple(name for name in dict.fromkeys((*named, *ids)) if self.key != (name,))

    def pattern(self, name: str) -> str | None:
        """Return the pattern that values of a field match; None where it has none."""
        return self._patterns[name]

    @cached_property
    def _patterns(self) -> dict[str, str | None]:
        return {
            name: next(
                (str((each.statistics or {})["pattern"]) for each in column.checks if each.name == "str_matches"), None
            )
            for name, column in self._declared.items()
        }

    @property
    def id_form(self) -> str | None:
        """The pattern of the ids by which its records are known; None where it has another key."""
        if len(self.key) > 1 or self.fields[self.key[0]].kind.name != CODE.name:
            return None
        return self.pattern(self.key[0])

    @property
    def table(self) -> str:
        """The name of its table: `transit_gateway`."""
        return snake_case(self.type)

    @property
    def key_parts(self) -> tuple[tuple[str, ...], ...]:
        """The parts of the key in their order; of a part of several fields, it has the first that has a value."""
        parts = [self.first_of if name in self.first_of else (name,) for name in self.key]
        return tuple(dict.fromkeys(parts))

    @property
    def known_by(self) -> tuple[str, ...]:
        """The last part of the key, which no record is without."""
        return self.key_parts[-1]

    @property
    def other_names(self) -> tuple[tuple[str, ...], ...]:
        """The fields whose values, joined by `/`, may name a record in the place of its key; none for ids of AWS."""
        if self.document:
            return ()
        parts = [part for part in self.key_parts if not {*part} <= {*self.omitted}]
        whole = [*product(*parts)] if len(parts) > 1 else []
        last = [(name,) for name in (*self.known_by, *self.names) if name != SOURCE_ID]
        return (*whole, *last)

    @property
    def either(self) -> bool:
        """Whether a record is known by one of several fields, none of which is required."""
        return len(self.known_by) > 1

    @property
    def key_title(self) -> str:
        """What people call the key: `Group or Site and VLAN ID`."""
        return " and ".join(" or ".join(self.fields[name].title for name in part) for part in self.key_parts)

    @property
    def key_column(self) -> str:
        """The column that holds the natural key, the table's primary key."""
        return self.key[0] if len(self.key) == 1 else NATURAL_KEY

    @property
    def stored(self) -> tuple[str, ...]:
        """The columns of its table that an import fills."""
        return (*self.fields,) if self.key_column in self.fields else (NATURAL_KEY, *self.fields)

    def natural_key(self, present: Collection[str]) -> pl.Expr:
        """Return the natural key of a typed row whose fields are `present`; null where it has none."""
        *before, last = (
            pl.coalesce(pl.col(name).cast(pl.String) if name in present else pl.lit(None, pl.String) for name in part)
            for part in self.key_parts
        )
        parts = [
            (part if names[0] in self.omitted else part.fill_null("")) + "/"
            for part, names in zip(before, self.key_parts, strict=False)
        ]
        return pl.concat_str([*(part.fill_null("") for part in parts), last]) if parts else last
