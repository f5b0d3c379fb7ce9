"""The command line: `python -m deepclust`.

Commands `cluster`, `predict`, `report`, `demo`, `inspect` and `keys`. Public: `main`.
Open `_app.py` first (commands and options), then `_run.py` (what they do), `_models.py`
(model files) and `_output.py`.
"""

from deepclust.cli._app import main

__all__ = ["main"]
