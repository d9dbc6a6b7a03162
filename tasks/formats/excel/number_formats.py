"""Number formats of workbooks: what a person sees of a number, where that is another value.

A workbook stores 45 and shows `000045`, stores 0.5 and shows `50%`, stores 46024 and shows a date (ECMA-376, part 1,
18.8.30). Thousands separators, decimals and exponents show the same number in another way, and are left alone.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import Enum, auto

import polars as pl

# The formats that have no code in the file (18.8.30), as far as they show another value; 27 to 36 and 50 to 58 are
# dates of East Asian calendars.
_BUILT_IN = {
    9: "0%",
    10: "0.00%",
    12: "# ?/?",
    13: "# ??/??",
    14: "mm-dd-yy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yy h:mm",
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mmss.0",
} | dict.fromkeys((*range(27, 37), *range(50, 59)), "yyyy-mm-dd")

_SECTION = re.compile(r'((?:"[^"]*"|\\.|[^;"\\])*)(?:;|$)')
_TOKEN = re.compile(
    r'"([^"]*)"|\\(.)|[_*](.)|\[([^\]]*)\]|([Ee][+-])|(AM/PM|A/P)|(General)|(.)', re.IGNORECASE | re.DOTALL
)


# No spreadsheet writes a longer code (ECMA-376, part 1, 18.8.31, and Excel's own limit).
_LONGEST = 255


class Look(Enum):
    """What a format makes of a number: nothing that matters, a date and so on, or what is not understood."""

    SAME = auto()
    DATE = auto()
    DATE_AND_TIME = auto()
    TIME = auto()
    DURATION = auto()
    PART_OF_DATE = auto()
    NUMBER = auto()
    UNKNOWN = auto()


@dataclass(frozen=True)
class NumberFormat:
    """A format: what it makes of numbers, its code, and whether its times have seconds."""

    look: Look
    code: str
    seconds: bool = False

    def shown(self, values: pl.Series) -> pl.Series:
        """Return cells as they are shown; `values` is text as Calamine reads them, and null where nothing is known.

        Dates are in ISO form, whatever their order in the format.
        """
        if self.look is Look.DATE:
            return values.str.extract(r"^(\d{4}-\d\d-\d\d) \d\d:\d\d:\d\d")
        if self.look is Look.DATE_AND_TIME:
            return values
        if self.look is Look.TIME:
            return values.str.extract(r" (\d\d:\d\d:\d\d)" if self.seconds else r" (\d\d:\d\d):\d\d")
        if self.look is Look.NUMBER:
            distinct = values.drop_nulls().unique()
            texts = pl.Series([number_as_shown(value, self.code) for value in distinct], dtype=pl.String)
            return values.replace_strict(distinct, texts, default=None, return_dtype=pl.String)
        return pl.Series([None] * len(values), dtype=pl.String)


def number_format(code: str) -> NumberFormat:
    """Return what a format code says."""
    if len(code) > _LONGEST:
        return NumberFormat(Look.UNKNOWN, code[:_LONGEST])
    section = next((match[1] for match in _SECTION.finditer(code)), "")
    tokens = list(_tokens(section))
    signs = "".join(text for what, text in tokens if what == "sign").lower()
    elapsed = [text.lower() for what, text in tokens if what == "bracket" and re.fullmatch(r"[hms]+", text, re.I)]
    if elapsed or re.search(r"[ymdhs]", signs):
        return _of_time(code, signs, elapsed, halves=any(what == "half" for what, _ in tokens))
    if any(what == "bracket" and re.match(r"[<>=]", text) for what, text in tokens):
        return NumberFormat(Look.UNKNOWN, code)
    if any(what == "exponent" for what, _ in tokens) or not re.search(r"[0#?]", signs):
        return NumberFormat(Look.SAME, code)
    if re.search(r"[0#?]\s*/\s*[0#?\d]", signs):
        return NumberFormat(Look.UNKNOWN, code)
    words = any(what == "text" and text.strip(" €$£¥") for what, text in tokens)
    zeros = len(re.findall("0", re.split(r"\.", signs)[0]))
    matters = "%" in signs or words or zeros > 1 or re.search(r"[0#?][-/: ()]+[0#?]", signs)
    # Money: thousands and its sign are the same number.
    return NumberFormat(Look.NUMBER if matters and "," not in signs else Look.SAME, code)


def _of_time(code: str, signs: str, elapsed: list[str], *, halves: bool) -> NumberFormat:
    seconds = "s" in signs or any("s" in each for each in elapsed)
    if elapsed:
        return NumberFormat(Look.DURATION, code, seconds)
    hours = "h" in signs or "s" in signs or halves
    # An m next to hours or seconds is a minute.
    dates = re.sub(r"h+[^a-z]*m+|m+[^a-z]*s+", "", signs)
    parts = [letter in dates for letter in "ymd"]
    if not any(parts):
        return NumberFormat(Look.TIME, code, seconds)
    if not all(parts):
        return NumberFormat(Look.PART_OF_DATE, code)
    return NumberFormat(Look.DATE_AND_TIME if hours else Look.DATE, code, seconds)


def _tokens(section: str) -> Iterator[tuple[str, str]]:
    """The parts of a section: signs of the format, and texts that stand as they are."""
    for quoted, escaped, space, bracket, exponent, half, general, other in _TOKEN.findall(section):
        if quoted or escaped:
            yield "text", quoted or escaped
        elif bracket:
            yield "bracket", bracket
        elif exponent:
            yield "exponent", exponent
        elif half:
            yield "half", half
        elif not space and not general and other:
            yield "sign", other


def number_as_shown(value: str, code: str) -> str | None:
    """Return a number as a format shows it; None where that is the number itself, or is not understood."""
    sections = [match[1] for match in _SECTION.finditer(code) if match[0]] or [code]
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    if not number.is_finite() or number < 0:
        return None
    section = sections[2] if number == 0 and len(sections) > 2 else sections[0]
    tokens = list(_tokens(section))
    signs = "".join(text for what, text in tokens if what == "sign")
    number *= 100 ** signs.count("%")
    decimals = len(re.findall(r"[0#?]", signs.partition(".")[2]))
    try:
        digits, _, fraction = f"{number.quantize(Decimal(1).scaleb(-decimals)):f}".partition(".")
    except InvalidOperation:  # more digits than any cell holds
        return None
    shown = _filled(tokens, digits, fraction).strip()
    return shown if shown != value else None


def _filled(tokens: list[tuple[str, str]], digits: str, fraction: str) -> str:
    """The tokens with digits in their places: whole ones from the right, those after the point from the left."""
    point = next((n for n, (what, text) in enumerate(tokens) if what == "sign" and text == "."), len(tokens))
    places = [n for n, (what, text) in enumerate(tokens[:point]) if what == "sign" and text in "0#?"]
    texts = [text if what in ("sign", "text") else "" for what, text in tokens]
    left = "" if digits == "0" else digits
    for n in reversed(places):
        first = n == places[0]
        last, left = (left, "") if first else (left[-1:], left[:-1])
        texts[n] = last or ("0" if tokens[n][1] == "0" else "")
    after = iter(fraction)
    for n in range(point + 1, len(tokens)):
        if tokens[n][0] == "sign" and tokens[n][1] in "0#?":
            texts[n] = next(after, "")
    return "".join(texts)


def formats_of_styles(styles: str) -> dict[int, NumberFormat]:
    """Return, from the text of `styles.xml`, the formats of those cell styles that show another value (18.8.10)."""
    codes = dict(_BUILT_IN)
    for element in re.findall(r"<(?:\w+:)?numFmt\b[^<>]*>", styles):
        number, code = re.search(r'numFmtId="(\d{1,9})"', element), re.search(r'formatCode="([^"]*)"', element)
        if number and code:
            codes[int(number[1])] = html.unescape(code[1])
    _, _, cells = _partition(r"<(?:\w+:)?cellXfs\b", styles)
    cells, _, _ = _partition(r"</(?:\w+:)?cellXfs>", cells)
    found: dict[int, NumberFormat] = {}
    for style, element in enumerate(re.findall(r"<(?:\w+:)?xf\b[^<>]*>", cells)):
        number = re.search(r'numFmtId="(\d{1,9})"', element)
        code_of = codes.get(int(number[1])) if number else None
        if code_of is not None and (form := number_format(code_of)).look is not Look.SAME:
            found[style] = form
    return found


def _partition(pattern: str, text: str) -> tuple[str, str, str]:
    """The text before the first match of a pattern, the match, and the text after it."""
    found = re.search(pattern, text)
    return (text[: found.start()], found[0], text[found.end() :]) if found else (text, "", "")
