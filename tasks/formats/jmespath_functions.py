"""The functions that the JMESPaths of declarations have in addition to those of JMESPath."""

from __future__ import annotations

from typing import Any

import jmespath
from jmespath.functions import Functions, signature


class _Functions(Functions):
    @signature({"types": ["array", "null"]}, {"types": []})
    def _func_without(self, items: list[Any] | None, item: Any) -> list[Any] | None:
        """`without(list, value)`: the items of a list that are not the value."""
        return items and [each for each in items if each != item]

    @signature({"types": []}, {"types": ["string"]})
    def _func_starting(self, value: Any, start: str) -> str | None:
        """`starting(value, text)`: a value that begins with the text; null for any other."""
        return value if isinstance(value, str) and value.startswith(start) else None


OPTIONS = jmespath.Options(custom_functions=_Functions())
"""What a JMESPath of a declaration is searched with."""
