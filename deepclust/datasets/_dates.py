"""Dates of a column, read by one format for all cells.

1. The format is given, or it is that of ISO 8601, or one that pandas guesses from a
   cell, with the day first or the month first. The one that reads the most cells is
   taken.
2. Two formats that read as many cells as other days are ambiguous: an error. Dates with
   dots have the day first.
3. Whole numbers are no dates unless a format is given.
"""

import warnings
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.api import guess_datetime_format

from deepclust.exceptions import TextWarning

__all__ = ["parse_dates"]

_ISO = "ISO8601"
_CELLS_LOOKED_AT = 1_000
_ADVICE = "date_format=..., or --date-format on the command line"


def parse_dates(
    values: list[Any],
    where: str,
    date_format: str | None = None,
    advice: str = _ADVICE,
) -> tuple[np.ndarray, str]:
    """Return the dates of a column, and the format they were read by.

    Parameters
    ----------
    values : list of length n_docs
        str, dates, numbers or None.

    where : str
        File and column, for messages.

    date_format : str, default=None
        See `load_texts`.

    advice : str
        How the caller takes a format, for messages.

    Returns
    -------
    dates : ndarray of shape (n_docs,), datetime64 in UTC, or float64 for "number"
        NaT or NaN where a cell is empty or holds none.

    date_format : str

    Raises
    ------
    ValueError
        If no cell holds a date, the format is ambiguous, or the cells are numbers and
        no format is given.

    Warns
    -----
    TextWarning
        If cells that are not empty hold no date; tells their number and the first.

    Examples
    --------
    >>> from deepclust.datasets._dates import parse_dates
    >>> parse_dates(["07.03.2024", "", "31.03.2024"], "a.csv: 'day'")[1]
    '%d.%m.%Y'
    """
    cells = pd.Series([_as_text(value) for value in values], dtype=object)
    filled = cells[cells.notna()]
    if not len(filled):
        raise ValueError(f"{where} holds no date: all cells are empty.")
    if date_format in ("number", "unix"):
        dates: Any = pd.to_numeric(cells, errors="coerce")
        if date_format == "unix":
            dates = _naive(pd.to_datetime(dates, unit="s", errors="coerce", utc=True))
    else:
        date_format = date_format or _find_format(filled, where, advice)
        dates = _read(cells, date_format)
    unread = filled[dates[filled.index].isna()]
    if len(unread) == len(filled):
        raise ValueError(
            f"{where} holds no date of the format {date_format!r}. Its first cell is "
            f"{filled.iloc[0]!r} (row {filled.index[0]}). Name the format ({advice}), "
            "such as '%d.%m.%y'."
        )
    if len(unread):
        warnings.warn(
            f"{where}: {len(unread):,} of {len(filled):,} cells hold no date of the "
            f"format {date_format!r} and count as empty, the first in row "
            f"{unread.index[0]}: {unread.iloc[0]!r}.",
            TextWarning,
            stacklevel=3,
        )
    return dates.to_numpy(), date_format


def _as_text(value: Any) -> str | None:
    """Return a cell as text: dates by ISO 8601, whole numbers without a fraction."""
    if value is None or value != value or str(value).strip() == "":
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _find_format(filled: pd.Series, where: str, advice: str) -> str:
    """Return the format that reads the most cells."""
    is_number = pd.to_numeric(filled, errors="coerce").notna()
    if is_number.mean() > 0.5:
        raise ValueError(
            f"{where} holds numbers such as {filled[is_number].iloc[0]}, which are no "
            f"dates by themselves. Say what they are ({advice}): '%Y' for years, "
            "'%Y%m%d', 'unix' for seconds since 1970, or 'number' for any other order "
            "in time."
        )
    candidates = {_ISO: None}
    for cell in filled.drop_duplicates().head(_CELLS_LOOKED_AT):
        candidates |= dict.fromkeys(_guesses(cell))
    read = {name: _read(filled, name) for name in candidates}
    n_read = {name: int(dates.notna().sum()) for name, dates in read.items()}
    most = max(n_read.values())
    best = [name for name in candidates if n_read[name] == most]
    for other in best[1:]:
        first, second = read[best[0]], read[other]
        differing = np.flatnonzero((first != second) & first.notna() & second.notna())
        if len(differing):
            row = int(differing[0])
            raise ValueError(
                f"{where}: {filled.iloc[row]!r} (row {filled.index[row]}) can be "
                f"{first.iloc[row]:%d %B %Y} or {second.iloc[row]:%d %B %Y}, and no "
                f"cell decides it. Name the format ({advice}): {best[0]!r} or "
                f"{other!r}."
            )
    return best[0]


def _guesses(cell: str) -> list[str]:
    """Return the formats that a cell can have, with the day first and the month first.

    >>> _guesses("07.03.2024"), _guesses("3/4/2024")
    (['%d.%m.%Y'], ['%m/%d/%Y', '%d/%m/%Y'])
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a day after the 12th
        found = [guess_datetime_format(cell, dayfirst=first) for first in (False, True)]
    if found[0] and found[0].startswith("%m.%d.") and found[1] is not None:
        del found[0]  # dots: the day is first
    year_day = "%Y-%d", "%Y/%d"  # nobody writes so
    return [name for name in found if name and not name.startswith(year_day)]


def _read(cells: pd.Series, date_format: str) -> pd.Series:
    try:
        dates = pd.to_datetime(cells, format=date_format, errors="coerce", utc=True)
    except ValueError as error:
        raise ValueError(f"date_format={date_format!r}: {error}") from error
    return _naive(dates)


def _naive(dates: pd.Series) -> pd.Series:
    return dates.dt.tz_localize(None)
