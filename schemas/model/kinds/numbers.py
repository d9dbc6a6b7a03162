"""The kinds of numbers and of yes or no."""

from __future__ import annotations

import re

import polars as pl
from sqlalchemy import BigInteger, Boolean, Double, Text

from schemas.language.remedies import option
from schemas.model.kinds.kind import Kind, fall_back

_WHOLE = r"^([+-]?\d+)\.0+$"
_SPREADSHEET_NUMBER = (
    r"^[+-]?\d+([.,]\d+)?[eE]\+?\d+$",
    "is how a spreadsheet shows a long number, and digits are lost: format the column as text, enter the value again",
)


def _whole_number(values: pl.Series) -> pl.Series:
    return values.str.replace(_WHOLE, "$1").cast(pl.Int64, strict=False)


def _number(values: pl.Series) -> pl.Series:
    # To nine places, a tenth of a millimetre of a coordinate: what a workbook gives back of it is the same.
    numbers = values.cast(pl.Float64, strict=False).round(9)
    return numbers.set(~numbers.is_finite(), None)


def _account(values: pl.Series) -> pl.Series:
    return fall_back(values, values.set(~values.str.contains(r"^[0-9]{12}$"), None), _padded)


def _padded(text: str) -> str | None:
    whole = re.sub(r"^(\d{1,12})\.0+$", r"\1", re.sub(r"^(\d{4})-(\d{4})-(\d{4})$", r"\1\2\3", text, flags=re.ASCII))
    return whole.zfill(12) if re.fullmatch(r"[0-9]{1,12}", whole) else None


INTEGER = Kind(
    "integer",
    pl.Int64(),
    BigInteger(),
    _whole_number,
    "a whole number",
    repair="written as a whole number",
    hints=(_SPREADSHEET_NUMBER,),
)
NUMBER = Kind(
    "number",
    pl.Float64(),
    Double(),
    _number,
    "a number such as 52.37",
    hints=((r",", f"has a comma: write a point, or give {option('read.decimal_comma')} if commas begin the decimals"),),
)
ACCOUNT = Kind(
    "account",
    pl.String(),
    Text(),
    _account,
    "an AWS account id: 12 digits",
    repair="written with 12 digits, as a spreadsheet drops leading zeros",
    hints=(_SPREADSHEET_NUMBER, (r"^\d{13,}$", "has more than 12 digits")),
)


def _asdot(text: str) -> str | None:
    match = re.fullmatch(r"(0|[1-9]\d{0,4})\.(0|[1-9]\d{0,4})", text, flags=re.ASCII)
    if not match:
        return None
    high, low = int(match[1]), int(match[2])
    # "65000.0" is far likelier a spreadsheet's 65000 than the asdot of 4259840000: refuse to guess (RFC 5396).
    return None if high > 65_535 or low > 65_535 or low == 0 else str(high * 65_536 + low)


def _asn(values: pl.Series) -> pl.Series:
    plain = values.str.replace(r"^(?i:AS) ?(\d)", "$1")
    return fall_back(plain, plain.set(~plain.str.contains(r"^\d+$"), None), _asdot).cast(pl.Int64, strict=False)


ASN = Kind(
    "asn",
    pl.Int64(),
    BigInteger(),
    _asn,
    "an autonomous system number such as 65001 or, as asdot, 1.10",
    repair="written as one number",
    hints=(
        (r"^\d+\.0+$", "may be a spreadsheet's whole number or asdot: write it without the point"),
        _SPREADSHEET_NUMBER,
    ),
)

_BOOLEANS = {
    **dict.fromkeys(("true", "yes", "y", "1", "t", "on", "enable", "enabled", "1.0"), True),
    **dict.fromkeys(("false", "no", "n", "0", "f", "off", "disable", "disabled", "0.0"), False),
}


def _yes_or_no(values: pl.Series) -> pl.Series:
    return values.str.to_lowercase().replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)


BOOLEAN = Kind("boolean", pl.Boolean(), Boolean(), _yes_or_no, "yes or no (true, false, 1, 0, enable, disable)")
