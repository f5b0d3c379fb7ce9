"""The command line: `python -m deepclust`.

Commands `cluster`, `predict`, `report` and `demo`. Public: `main`. Open `_app.py`
first (commands and options), then `_run.py` (what they do) and `_output.py`.
"""

from deepclust.cli._app import main

__all__ = ["main"]
