"""Cells of the user's columns that a file format cannot hold as they are."""

import datetime
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

MAX_SHEET_ROWS = 2**20 - 1  # of Excel, without the header
# Anything but the characters of XML 1.0, of which openpyxl notices some only.
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def nested_as_json(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table with lists and objects, as of json lines, written as JSON."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict | list):
            return json.dumps(value, ensure_ascii=False)
        return value

    return table.map(plain)


def one_kind_a_column(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table with columns of mixed kinds, as of json lines, as text."""
    import pandas as pd

    table = table.copy()
    for name in filter(lambda name: pd.api.types.is_object_dtype(table[name]), table):
        filled = table[name].dropna()
        if filled.map(type).nunique() > 1:
            table[name] = nested_as_json(filled.to_frame())[name].astype(str)
    return table


def write_sheet(path: Path, table: "pd.DataFrame") -> None:
    """Write an Excel file of one sheet.

    A text that begins with "=" stays text. What Excel refuses becomes a space
    (characters that XML cannot hold) or text (dates with a time zone).
    """
    import pandas as pd

    def allowed(value: Any) -> Any:
        if isinstance(value, str):
            return _NO_XML.sub(" ", value)
        if isinstance(value, datetime.datetime) and value.tzinfo is not None:
            return value.isoformat()
        return value

    cells = nested_as_json(table).astype(object).map(allowed)
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        cells.to_excel(writer, index=False, freeze_panes=(1, 0))
        for row in writer.book.active.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    cell.data_type = "s"
