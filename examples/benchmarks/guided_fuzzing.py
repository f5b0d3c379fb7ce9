"""Fuzzing by coverage, for the scripts beside this one; needs the package atheris.

atheris (https://github.com/google/atheris) keeps inputs that reach a new branch, and
changes them further. It has no wheel for every platform, so it is no dependency.
"""

import sys
from collections.abc import Callable


def fuzz(
    modules: str | tuple[str, ...],
    check: Callable[[bytes], None],
    mutate: Callable[[bytes, int, int], bytes],
    *settings: str,
) -> None:
    """Fuzz by coverage until the settings end it, and with it the process.

    Parameters
    ----------
    modules : str or tuple of str
        Beginnings of the names of loaded modules whose branches count.

    check : callable
        Takes an input, and raises if a promise is broken.

    mutate : callable
        Takes an input, the most bytes of the result, and a seed.

    settings : str
        Options of libFuzzer.
    """
    import atheris

    for name in [name for name in sys.modules if name.startswith(modules)]:
        values = vars(sys.modules[name]).values()
        parts = (p for v in values for p in (v, *getattr(v, "__dict__", {}).values()))
        for part in parts:
            if getattr(part, "__module__", "") == name and hasattr(part, "__code__"):
                atheris.instrument_func(part)
    atheris.Setup([sys.argv[0], *settings], check, custom_mutator=mutate)
    atheris.Fuzz()
