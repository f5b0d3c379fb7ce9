"""Run the commands of docs/walks.md and keep their output in the page.

python docs/run_walks.py     # some minutes

The blocks run in the order of the page, in one empty folder: files are written, shell
commands run by bash, Python code in one session a section. What a block prints replaces
the block of plain text behind it. `chromium` and `chromedriver` take the screenshots.
"""

import ast
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "Agg")

DOCS = Path(__file__).parent
PAGE = DOCS / "walks.md"
SCREENSHOTS = {"desktop": (1280, 1000), "phone": (390, 844)}
_BLOCK = re.compile(
    r"^```(?P<kind>sh|python|\{code-block\} python)\n"
    r"(?::caption: (?P<file>\S+)\n)?(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<output>.*?)^```\n)?"
    r"|^## (?P<heading>[^\n]*)\n",
    re.M | re.S,
)


_LOG_OF_TENSORFLOW = re.compile(
    r"^(WARNING: All log messages|[IWE]\d{4} |To enable the following)"
)


class Block(NamedTuple):
    """A heading, a file to write, or commands and what they print."""

    kind: str  # heading, file, sh or python
    code: str  # the heading, if it is one
    file: str | None = None
    output: str | None = None
    place: tuple[int, int] = (0, 0)  # in the page


def read_blocks(page: str) -> list[Block]:
    """Return the blocks of a page that are to be run, and its headings."""
    blocks = []
    for match in _BLOCK.finditer(page):
        if match["heading"]:
            blocks.append(Block("heading", match["heading"]))
            continue
        kind = "file" if match["file"] else match["kind"]
        blocks.append(
            Block(kind, match["code"], match["file"], match["output"], match.span())
        )
    return blocks


def run_shell(code: str, folder: Path) -> str:
    """Return what commands print, errors among it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = os.environ | {"PATH": path, "PYTHONUTF8": "1", "COLUMNS": "100"}
    done = subprocess.run(
        ["bash", "-c", code],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout


def run_python(code: str, session: dict) -> str:
    """Return what code prints, and the value of a last expression as a prompt does."""
    tree = ast.parse(code)
    *_, last = tree.body
    value = None
    if isinstance(last, ast.Expr):
        tree.body.remove(last)
        value = compile(ast.Expression(last.value), "<walk>", "eval")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            exec(compile(tree, "<walk>", "exec"), session)
            if value is not None and (shown := eval(value, session)) is not None:
                print(shown.to_string() if hasattr(shown, "columns") else repr(shown))
        except Exception as error:
            print(*traceback.format_exception_only(error), sep="")
            raise
    return printed.getvalue()


def take_screenshots(report: Path) -> None:
    """Take screenshots of a report, as wide as a desktop and as a phone."""
    from draw_images import open_report, shrink, start_chromium
    from PIL import Image, ImageOps

    with start_chromium("--hide-scrollbars") as chrome:
        for name, (width, height) in SCREENSHOTS.items():
            size = {"width": width, "height": height, "deviceScaleFactor": 1}
            chrome.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride", size | {"mobile": name == "phone"}
            )
            open_report(chrome, report)
            path = DOCS / "images" / f"walk_{name}.png"
            chrome.save_screenshot(str(path))
            ImageOps.expand(Image.open(path), border=1, fill="gray").save(path)
            shrink(path)


def main() -> None:
    """Run all blocks, then write the page."""
    page = PAGE.read_text("utf-8")
    session: dict = {}
    parts, end = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for block in read_blocks(page):
            if block.kind == "heading":
                session = {}
                continue
            if block.kind == "file":
                (folder / block.file).write_text(block.code, "utf-8")
                continue
            print(block.code.strip())
            if block.kind == "sh":
                output = run_shell(block.code, folder)
            else:
                with contextlib.chdir(folder):
                    output = run_python(block.code, session)
            print(output)
            lines = [
                line.replace(f"{folder}/", "").rstrip()
                for line in output.strip("\n").splitlines()
                if not _LOG_OF_TENSORFLOW.match(line)
            ]
            start, stop = block.place
            fence = "python" if block.kind == "python" else "sh"
            parts += [page[end:start], f"```{fence}\n{block.code}```\n"]
            if lines:
                parts += ["\n", "\n".join(["```text", *lines, "```", ""])]
            end = stop
        PAGE.write_text("".join([*parts, page[end:]]), "utf-8")
        take_screenshots(folder / "tickets" / "report.html")


if __name__ == "__main__":
    main()
