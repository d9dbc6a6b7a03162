"""The commands `cmdb key …` and `cmdb audit …`: keys of the API, and the access log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from api.cli.backends.choice import administration
from api.cli.local_time import shown_time
from api.cli.terminal import err, out, print_json, print_plain
from schemas.access.api_keys import SCOPES
from tasks.store.access import access_log

if TYPE_CHECKING:
    from typer._click import Command, Context

_FOR_SETTINGS = "for-settings"


class _Keys(TyperGroup):
    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Take `cmdb key NAME` for `cmdb key for-settings NAME`."""
        known = args[0] in self.commands or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else [_FOR_SETTINGS, *args])


key = typer.Typer(
    cls=_Keys,
    help="Keys of the API, in the database: they hold at once, without a restart. `cmdb key NAME` makes one for "
    "CMDB_API_KEYS instead.",
    no_args_is_help=True,
)
audit = typer.Typer(help="The access log.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Letters, digits, dots, dashes, underscores.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, for scripts.")]


@key.command(_FOR_SETTINGS, epilog="Example: cmdb key netops --scope write")
def for_settings(
    name: Name,
    scope: Annotated[
        str, typer.Option("--scope", help="read; write, which includes it; admin, which sees all.")
    ] = "write",
) -> None:
    """Make a key for CMDB_API_KEYS, which gets its hash: for the first start, and where there is no database yet."""
    from api.rest.security.guard import new_key  # FastAPI is imported where it is needed

    made, line = new_key(name, scope)
    out.print(made, markup=False, soft_wrap=True)
    err.print(f'Add this to the list in CMDB_API_KEYS: "{line}"', markup=False, soft_wrap=True)


@key.command(
    epilog="Example: cmdb key create netops --allow read:* --allow import:vpc,subnet --days 90 --from 10.20.0.0/16"
)
def create(
    name: Name,
    scope: Annotated[str | None, typer.Option("--scope", help=f"For all types: {', '.join(SCOPES)}.")] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="ACTION:TYPE,…",
            help="Instead of a scope: read, preview, import, approve or export, and the types or *. Repeatable.",
        ),
    ] = None,
    days: Annotated[
        float | None, typer.Option("--days", min=0, help="How long it may be used; no limit if unset.")
    ] = None,
    networks: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="NETWORK", help="Where it may be used from; anywhere if unset. Repeatable."),
    ] = None,
) -> None:
    """Make a key and show it, once. From the first one on, every caller of the API needs a key."""
    made, is_first = administration().create_key(
        name, scope=scope, permissions=allow or [], days=days, addresses=networks or []
    )
    out.print(made, markup=False, soft_wrap=True)
    err.print(f"This is the key '{name}': it is shown once, and only its hash is kept.", markup=False)
    if is_first:
        err.print("It is the first one: the API and its page now ask every caller for a key.", markup=False)


@key.command("list", epilog="Example: cmdb key list")
def list_(json: Json = False) -> None:
    """List the keys of the settings and of the database, without their secrets."""
    rows = administration().keys()
    if json:
        print_json(rows)
        return
    table = Table("key", "may", "from", "status", "expires", "last used", "in", box=None)
    for row in rows:
        may = row["scope"] or " ".join(row["permissions"])
        cells = (row["name"], may, " ".join(row.get("addresses", ())), row["status"])
        times = (shown_time(row.get("expires_at")), shown_time(row.get("last_used_at")))
        table.add_row(*(escape(str(cell)) for cell in (*cells, *times, row["in"])))
    out.print(table if rows else "No key yet: cmdb key create NAME")


@key.command(epilog="Example: cmdb key rotate netops --keep 60")
def rotate(
    name: Name,
    keep: Annotated[float, typer.Option("--keep", min=0, help="Minutes for which the key before may be used.")] = 0,
) -> None:
    """Give a key another secret and show it, once; sessions that the one before opened end."""
    made = administration().rotate_key(name, keep)
    out.print(made, markup=False, soft_wrap=True)


@key.command(epilog="Example: cmdb key revoke netops")
def revoke(name: Name) -> None:
    """End a key and its sessions, at once and for good."""
    administration().revoke_key(name)
    err.print(f"The key '{name}' is revoked.", markup=False)


@audit.command("list", epilog="Example: cmdb audit list --what import --limit 50")
def list_audit(
    who: Annotated[str | None, typer.Option("--who", help="Only of this key or user.")] = None,
    what: Annotated[str | None, typer.Option("--what", help="Only of this kind, such as import or refusal.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many.")] = 50,
    json: Json = False,
) -> None:
    """List the newest entries of the access log, the newest first; with --json, a line of JSON for each."""
    found = administration().audit_entries(limit=limit, who=who, what=what)
    if json:
        for each in found:
            print_plain(access_log.as_line(each).decode())
        return
    table = Table("number", "time", "who", "from", "what", "target", "result", box=None)
    for each in found:
        cells = (
            each.number,
            shown_time(each.at, seconds=True),
            each.who or "",
            each.address or "",
            each.what,
            each.target or "",
            each.result,
        )
        table.add_row(*(escape(str(cell)) for cell in cells))
    out.print(table if found else "No entry.")


@audit.command(epilog="Example: cmdb audit verify --contains 9f86d081884c7d65…")
def verify(
    contains: Annotated[
        str | None, typer.Option("--contains", metavar="HASH", help="Also check that an entry has this hash.")
    ] = None,
    json: Json = False,
) -> None:
    """Check that no entry of the access log was altered or removed; exit code 1 where one was."""
    found = administration().verify_audit(contains)
    wrong = found.wrong
    if json:
        print_json({"intact": wrong is None, "message": wrong, "entries": found.entries, "hash": found.hash})
    elif wrong is None:
        out.print(
            f"The access log is intact: {found.entries:,} entries, the last one's hash is {found.hash}", soft_wrap=True
        )
    else:
        err.print(f"[bold red]The access log is not intact:[/bold red] {escape(wrong)}", soft_wrap=True)
    sys.exit(0 if wrong is None else 1)
