"""The text of a workbook's parts."""

from __future__ import annotations

from tasks.formats.excel.parts import as_series


def test_a_text_may_begin_and_end_within_a_character() -> None:
    """What is cut from a part is searched whatever its first and last bytes are."""
    text = "<c r='A1'>Zürich – 北</c>".encode()
    for begin in range(len(text)):
        for end in range(begin, len(text)):
            part = text[begin:end]
            assert as_series(part).str.contains("r='A1'").item() is (b"r='A1'" in part)
