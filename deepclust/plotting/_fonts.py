"""Can the fonts in use draw a text? Otherwise the picture would hold boxes."""

import functools
import warnings
from typing import Any

from deepclust.exceptions import TextWarning

__all__ = ["warn_of_missing_glyphs"]

_N_SHOWN = 10  # characters


def warn_of_missing_glyphs(text: str) -> None:
    """Warn if no font of matplotlib's `font.family` has a character of the text.

    Warns
    -----
    TextWarning
        Names the characters, and what to set.

    Notes
    -----
    Fonts are opened once a process; ASCII is not looked up.
    """
    if text.isascii():
        return
    import matplotlib

    families = tuple(matplotlib.rcParams["font.family"])
    fonts = _fonts(families, tuple(matplotlib.rcParams["font.sans-serif"]))
    missing = [
        char
        for char in dict.fromkeys(text)
        if not any(font.get_char_index(ord(char)) for font in fonts)
    ]
    if missing:
        warnings.warn(
            f"No font in use has the characters {''.join(missing[:_N_SHOWN])!r}: the "
            "picture shows boxes. Install a font that has them, such as Noto Sans CJK, "
            'and add its name to matplotlib.rcParams["font.family"].',
            TextWarning,
            stacklevel=4,
        )


@functools.lru_cache(maxsize=8)
def _fonts(families: tuple[str, ...], sans_serif: tuple[str, ...]) -> list[Any]:
    """Return the fonts that matplotlib looks a character up in."""
    from matplotlib import font_manager

    paths = []
    for family in families:
        try:
            one = font_manager.FontProperties(family=[family])
            path = font_manager.findfont(one, fallback_to_default=False)
        except ValueError:
            continue
        paths.append(path)
    return [font_manager.get_font(path) for path in dict.fromkeys(paths)]
