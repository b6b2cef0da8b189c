"""The text tables of CUB and CelebA: one record a line, fields apart by blanks or commas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from partdisc.data.annotations.quirks import QuirkReport
from partdisc.errors import ConfigError, DataError

Row = list[str]


def read_lines(path: Path, *, what: str) -> Iterator[tuple[int, Row]]:
    """(line number, fields) of every line that is not blank.

    Raises:
        ConfigError: if the file does not exist.
        DataError: if it is no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise ConfigError(f"Expected {what} at {path}, but there is no such file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path} as {what}: {error}.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        fields = re.split(r"[,\s]+", line.strip().strip(","))
        if fields != [""]:
            yield number, fields


def read_records(
    path: Path, columns: int, report: QuirkReport, *, what: str, skip: int = 0
) -> dict[str, Row]:
    """{first field: the other fields}, every row of exactly `columns` fields; other rows are counted.

    Raises:
        ConfigError: if the file does not exist.
        DataError: if it is no text, or no row is usable.
    """
    records: dict[str, Row] = {}
    for number, fields in read_lines(path, what=what):
        entry = f"line {number}"
        if number <= skip:
            continue
        if len(fields) != columns:
            report.note(
                "bad entry", entry=f"{path.name} {entry}", detail=f"{len(fields)} of {columns} fields"
            )
        elif fields[0] in records:
            report.note("duplicate image id", image=fields[0], entry=f"{path.name} {entry}")
        else:
            records[fields[0]] = fields[1:]
    if not records:
        raise DataError(f"Expected rows of {columns} fields in {path} ({what}), but found none.")
    return records


def as_numbers(fields: Row) -> list[float] | None:
    """`fields` as finite numbers, or None."""
    try:
        numbers = [float(field) for field in fields]
    except ValueError:
        return None
    return numbers if all(abs(number) < 1e9 for number in numbers) else None
