"""The roles of the embedded PostgreSQL: a superuser that nobody connects as, and the application's ordinary role."""

from __future__ import annotations

SUPERUSER = "cmdb"
"""The role that `initdb` makes; in clusters of earlier versions it is the application's too."""

ROLE = "cmdb_app"
"""The role that the application connects as: it may create databases, and owns those that it uses."""

ACCESS = f"""\
# Written by cmdb. Only its own role may connect, and only by the socket, whose folder is private.
local all {ROLE} trust
"""
"""What is in `pg_hba.conf`; also the sign that the roles of a cluster are set up."""

DATABASES = "select datname from pg_database where not datistemplate and datname <> 'postgres'"
"""Names the databases whose content belongs to the application."""


def create() -> list[str]:
    """Return the statements that make the role, and give it the databases that are there."""
    missing = f"not exists (select from pg_roles where rolname = '{ROLE}')"
    given = f"select format('alter database %I owner to {ROLE}', datname) as statement from ({DATABASES}) d"  # noqa: S608  # constants
    return [_block(f"if {missing} then create role {ROLE} login createdb; end if;"), _each(given)]


def transfer() -> list[str]:
    """Return the statements that give the role what the superuser owns in the database that they are run in.

    What belongs to an extension stays with it; a sequence that belongs to a column follows its table.
    """
    return [_each(_statement_query(*each)) for each in _OBJECTS]


_KIND = "case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end"
_NAMED = "'alter %s %I.%I owner to {role}'"

_OBJECTS = (
    ("pg_namespace", "oid", "'alter schema %2$I owner to {role}', '', n.nspname", "n.nspname <> 'public'"),
    ("pg_class", "relnamespace", f"{_NAMED}, {_KIND}, n.nspname, relname", "relkind in ('r', 'p', 'v', 'm', 'S')"),
    ("pg_proc", "pronamespace", "'alter routine %s owner to {role}', o.oid::regprocedure", "true"),
    ("pg_type", "typnamespace", f"{_NAMED}, 'type', n.nspname, typname", "typtype in ('e', 'd')"),
)
"""(catalog, its namespace, the statement for one object, which objects): schemas, relations, routines and types."""


def _statement_query(catalog: str, namespace: str, statement: str, which: str) -> str:
    kept = "('e')" if catalog != "pg_class" else "('e', 'a', 'i')"
    depends = f"d.classid = '{catalog}'::regclass and d.objid = o.oid and d.deptype in {kept}"
    return (
        f"select format({statement.format(role=ROLE)}) as statement "  # noqa: S608  # constants
        f"from {catalog} o join pg_namespace n on n.oid = o.{namespace} "
        f"where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and {which} "
        f"and not exists (select from pg_depend d where {depends})"
    )


def _each(query: str) -> str:
    """Run each statement that a query gives."""
    return _block(f"for each in {query} loop execute each.statement; end loop;", "declare each record;")


def _block(body: str, declared: str = "") -> str:
    # In one line: that is where a statement ends for a server that nobody can connect to.
    return f"do $$ {declared} begin {body} end $$"
