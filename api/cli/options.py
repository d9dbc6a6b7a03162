"""The arguments and options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.choices import Empty, Missing, Mode, Moved, OnError, Stale, Unknown

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="CSV, JSON, NDJSON, YAML, Excel, Parquet, Terraform; also .gz or .zip. - reads standard input.",
    ),
]


Type = Annotated[str | None, typer.Option("--type", "-t", help="Resource type. Default: detected from the file.")]


Mapped = Annotated[
    list[str] | None,
    typer.Option(
        "--map", "-m", metavar="COLUMN=FIELD", help="Map a column to a field; nothing after = skips it. Repeatable."
    ),
]


Constant = Annotated[
    list[str] | None,
    typer.Option("--set", "-s", metavar="FIELD=VALUE", help="Value for empty cells; VALUE! for all rows. Repeatable."),
]


Saved = Annotated[str | None, typer.Option("--mapping", metavar="NAME", help="Use a saved mapping.")]


Save = Annotated[str | None, typer.Option("--save-mapping", metavar="NAME", help="Save the mapping under a name.")]


ModeOption = Annotated[
    Mode, typer.Option("--mode", help="Create, update, both (upsert), or sync: also retire or delete, see --missing.")
]


UnknownOption = Annotated[Unknown, typer.Option("--unknown", help="How to treat columns that match no field.")]


EmptyOption = Annotated[Empty, typer.Option("--empty", help="Whether an empty cell clears the stored value.")]


StaleOption = Annotated[
    Stale, typer.Option("--stale", help="Refuse or overwrite records that changed since the export.")
]


OnErrorOption = Annotated[OnError, typer.Option("--on-error", help="Skip rejected rows, or load nothing.")]


MaxErrors = Annotated[
    str | None, typer.Option("--max-errors", metavar="N|P%", help="Abort if more rows than this are rejected.")
]


WithoutRule = Annotated[
    list[str] | None,
    typer.Option("--without-rule", metavar="NAME", help="Skip a rule of your own (`cmdb rules`). Repeatable."),
]


CreateMissing = Annotated[
    list[str] | None,
    typer.Option(
        "--create-missing", metavar="TYPE", help="Create missing records of this type that rows refer to. Repeatable."
    ),
]


Format = Annotated[str | None, typer.Option("--format", help="csv, json, ndjson, yaml, excel, parquet or terraform.")]


Encoding = Annotated[
    str | None, typer.Option("--encoding", help="Encoding, such as utf-8 or cp1252. Default: detected.")
]


Delimiter = Annotated[str | None, typer.Option("--delimiter", help="Field separator. Default: detected.")]


HeaderRow = Annotated[
    int | None, typer.Option("--header-row", min=1, help="Row with the column names. Default: detected.")
]


NoHeader = Annotated[
    bool, typer.Option("--no-header", help="The first row is a record; columns are called column 1, column 2 …")
]


Columns = Annotated[
    str | None, typer.Option("--columns", metavar="A,B", help="Column names of a file without a header.")
]


Sheet = Annotated[
    list[str] | None,
    typer.Option(
        "--sheet",
        metavar="NAME[=TYPE]",
        help="Sheet to read; or NAME=TYPE for each sheet, NAME= to skip one. Repeatable.",
    ),
]


Records = Annotated[str | None, typer.Option("--records", help="Member of a JSON document that holds the records.")]


Null = Annotated[
    list[str] | None,
    typer.Option("--null", metavar="WORD", help="Word that means an empty cell, also in text fields. Repeatable."),
]


DecimalComma = Annotated[
    bool, typer.Option("--decimal-comma", help="Read 1.000,5 as 1000.5: the comma is the decimal sign.")
]


Thousands = Annotated[
    str | None, typer.Option("--thousands", metavar="CHAR", help="Thousands separator: . , ' or a space.")
]


MissingOption = Annotated[
    Missing, typer.Option("--missing", help="What sync does with records missing from the source.")
]


MaxDelete = Annotated[
    str, typer.Option("--max-delete", metavar="N|P%", help="Hold a sync that would retire or delete more records.")
]


MaxUpdate = Annotated[
    str | None, typer.Option("--max-update", metavar="N|P%", help="Hold a sync that would update more records.")
]


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


TypeArgument = Annotated[str, typer.Argument(metavar="TYPE", help="Such as vpc or transit-gateway: `cmdb types`.")]


RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run, its beginning, or 'last'.")]


MovedOption = Annotated[
    Moved, typer.Option("--moved", help="What to do with records that changed since the plan was made.")
]
