"""Report on a clustering: one HTML page that works offline, or the same as JSON.

`summarize` returns all that the report shows as a plain dict, described by
`summary.schema.json`; `write_report` renders it with `page.html`, `page.css`,
`parts.js` and `page.js`. Open `_summary.py` first.
"""

from deepclust.reporting._page import write_report
from deepclust.reporting._summary import summarize

__all__ = ["summarize", "write_report"]
