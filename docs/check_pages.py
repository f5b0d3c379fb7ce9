"""Check without a network that all links between the built pages lead somewhere.

python docs/check_pages.py docs/_build/html
"""

import sys
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """Anchors and references of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.references: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and (name == "id" or (tag == "a" and name == "name")):
                self.anchors.add(value)
            elif value and name in ("href", "src"):
                self.references.add(value)


read_page = cache(Page)


def broken_link(page: Path, reference: str) -> str | None:
    """Return what is wrong with a reference, None if nothing."""
    parts = urlsplit(reference)
    if parts.scheme or parts.netloc:
        return None  # another site
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if not target.is_file():
        return f"no file {parts.path}"
    if parts.fragment and target.suffix == ".html":
        anchor = unquote(parts.fragment)
        if anchor not in read_page(target).anchors:
            return f"no anchor #{anchor} in {target.name}"
    return None


def main(folder: str) -> int:
    """Print the broken links of all pages in a folder; return their number."""
    root = Path(folder).resolve()
    pages = [p for p in sorted(root.rglob("*.html")) if "_static" not in p.parts]
    broken = [
        f"{page.name}: {reference}: {problem}"
        for page in pages
        for reference in sorted(read_page(page).references)
        if (problem := broken_link(page, reference)) is not None
    ]
    print(*broken, f"{len(pages)} pages, {len(broken)} broken links", sep="\n")
    return len(broken)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) > 0)
