"""Temporary tables of what a query finds, gone with the transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, CompoundSelect, Connection, MetaData, Select, Table, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement, Executable


class _CreateTableAs(Executable, ClauseElement):
    inherit_cache = False

    def __init__(self, table: Table, query: Select[Any] | CompoundSelect[Any]) -> None:
        self.table = table
        self.query = query


@compiles(_CreateTableAs, "postgresql")
def _compiled(element: _CreateTableAs, compiler: SQLCompiler, **options: Any) -> str:
    name = compiler.preparer.format_table(element.table)
    return f"CREATE TEMPORARY TABLE {name} ON COMMIT DROP AS {compiler.process(element.query, **options)}"


def temporary(connection: Connection, name: str, query: Select[Any] | CompoundSelect[Any]) -> Table:
    """Put what a query finds into a temporary table, in place of one of the same name.

    PostgreSQL reads for CREATE TABLE AS with several processes, where for INSERT it takes one.
    """
    columns = [Column(column.name, column.type) for column in query.selected_columns]
    table = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    connection.execute(text(f'drop table if exists pg_temp."{name}"'))
    connection.execute(_CreateTableAs(table, query))
    return table
