"""The command line: `python -m deepclust`.

Commands `cluster`, `predict`, `report` and `demo`. Public: `main`. Open `_main.py`
first, then `_arguments.py` (what can be given) and `_commands.py` (what is done).
"""

from deepclust.cli._main import main

__all__ = ["main"]
