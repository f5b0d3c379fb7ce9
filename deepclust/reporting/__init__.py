"""One self-contained HTML file that shows a clustering, for a browser without network.

`report` works on `(texts, labels)` from any clusterer, and shows more of a fitted
pipeline. The page is `page.html` with `page.css` and `page.js` in it.
"""

from deepclust.reporting._writing import report

__all__ = ["report"]
