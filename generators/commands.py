"""The index of commands, from which `cmdb --help` lists them without importing them."""

from __future__ import annotations

from json import dumps

from api.cli.commands.registry import all_commands, places

_HEAD = '''"""The index of all commands. Made by `make generate` from their declarations."""

# ruff: noqa: E501

from __future__ import annotations

from api.cli.commands.registry import Listed

INDEX: dict[str, Listed] = {
'''


def index_module() -> str:
    """Return the module of the index, formatted as ruff formats it."""
    commands = all_commands()
    entries = [
        f"    {dumps(name)}: Listed(\n        {dumps(module)},\n"
        f"        {dumps(vars(commands[name])['rich_help_panel'])},\n"
        f"        {dumps(_summary(commands[name].help or ''), ensure_ascii=False)},\n    ),\n"
        for name, module in places()
    ]
    return f"{_HEAD}{''.join(entries)}}}\n"


def _summary(text: str) -> str:
    """Return the first paragraph of a help text in one line."""
    return " ".join(text.partition("\n\n")[0].split())
