"""Permissions: which actions a key may take, on which resource types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import UsageError
from schemas.resources import resource


class Action(StrEnum):
    """What a key may do with records of a type."""

    READ = "read"
    PREVIEW = "preview"
    IMPORT = "import"
    APPROVE = "approve"
    EXPORT = "export"


ALL = "*"
"""All resource types, those of later versions too."""

_OF_SCOPE = {
    "read": (Action.READ, Action.EXPORT),
    "write": (Action.PREVIEW, Action.IMPORT, Action.APPROVE),
}

_WRITING = (Action.PREVIEW, Action.IMPORT, Action.APPROVE)


@dataclass(frozen=True)
class Permissions:
    """The resource types of each action that is granted; `*` stands for all of them."""

    granted: Mapping[Action, frozenset[str]]

    @classmethod
    def of_scopes(cls, scopes: Iterable[str]) -> Permissions:
        """Return what scopes grant, for all types."""
        actions = [action for scope in scopes for action in _OF_SCOPE.get(scope, ())]
        return cls({action: frozenset((ALL,)) for action in actions})

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Permissions:
        """Read permissions as `import:vpc,subnet` or `export:*`; raises UsageError."""
        granted: dict[Action, frozenset[str]] = {}
        for line in lines:
            action, colon, types = line.partition(":")
            names = [name.strip() for name in types.split(",") if name.strip()]
            if action not in tuple(Action) or not colon or not names:
                raise UsageError(
                    f"'{line[:100]}' is not a permission. Write ACTION:TYPE,… such as import:vpc,subnet or export:*; "
                    f"the actions are {', '.join(Action)}.",
                    value=line[:100],
                    choices=[*Action],
                )
            found = {ALL} if ALL in names else {resource(name).type for name in names}
            granted[Action(action)] = granted.get(Action(action), frozenset()) | found
        return cls(granted)

    @property
    def lines(self) -> list[str]:
        """The permissions as `parse` reads them."""
        return [f"{action}:{','.join(sorted(self.granted[action]))}" for action in Action if action in self.granted]

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes of which a part is granted; never `admin`, which is no permission for a type."""
        writes = any(action in self.granted for action in _WRITING)
        return frozenset(("read", "write") if writes else ("read",) if self.granted else ())

    def types(self, action: Action) -> tuple[str, ...] | None:
        """Return the types for which an action is granted; None for all."""
        found = self.granted.get(action, frozenset())
        return None if ALL in found else tuple(sorted(found))

    def lacks(self, action: Action, types: Iterable[str]) -> list[str]:
        """Return those of the types for which an action is not granted."""
        granted = self.types(action)
        return [] if granted is None else [name for name in types if name not in granted]


class Authority(BaseModel):
    """What the caller of a run may do, for the checks that need the types or the names that the run finds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    types: tuple[str, ...] | None = Field(None, description="The resource types that the run may write; all if unset.")
    admin: bool = Field(True, description="Whether mappings and syncs of other owners may be changed.")
