"""A secret: what a source is read with, which nothing shows by accident."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import orjson

from schemas.language.spelling import plain
from schemas.model.kinds.kind import HIDDEN

# Members of a JSON secret that are none: what they hold may be shown.
_OPEN = ("user", "username", "endpoint", "endpointurl", "region", "profile", "externalid")

# A shorter value would be found, and hidden, in every second word.
_SHORTEST = 4


@dataclass(frozen=True)
class Secret:
    """A secret by its name: a text, or a JSON object of several. Its text is in no repr and in no message."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def members(self) -> dict[str, str]:
        """The members of a JSON object as text; none of any other text."""
        try:
            found = orjson.loads(self.text) if self.text.lstrip().startswith("{") else {}
        except orjson.JSONDecodeError:
            return {}
        return {
            name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in found.items()
        }

    def member(self, *names: str) -> str | None:
        """Return the first member that bears one of the names, however spelt."""
        wanted = [plain(name) for name in names]
        return next((value for name, value in self.members.items() if plain(name) in wanted), None)

    def hidden(self, text: str) -> str:
        """Return a text without anything of the secret."""
        for value in self._values:
            text = text.replace(value, HIDDEN)
        return text

    @cached_property
    def _values(self) -> list[str]:
        """What must not be shown, the longest first: `Bearer abcdef` whole, then its parts."""
        whole = [value for name, value in self.members.items() if plain(name) not in _OPEN] or [self.text]
        values = {part for value in whole for part in (value, *value.split()) if len(part) >= _SHORTEST}
        return sorted(values, key=len, reverse=True)
