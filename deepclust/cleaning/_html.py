"""HTML out of texts that may or may not be HTML.

A title such as "how to centre a <div>" or "List<int> in C#" is no markup, and a news
feed may carry markup that was escaped once too often. So, for each text:

1. Entities are decoded, also the broken ones that news feeds carry: `#39;`, `quot;`.
2. A tag counts as markup if something in the text shows that it is meant to be read by
   a browser: a closing tag, an attribute, a tag that stands alone. If nothing does,
   the text is left as it is.
3. What opens no HTML tag is escaped, openings that would swallow the rest of the text
   are dropped, and an HTML parser gives the visible text.
"""

import html
import re

__all__ = ["decode_entities", "strip_html"]

_TAGS = (
    "a abbr acronym address area article aside audio b base bdi bdo big blockquote "
    "body br button canvas caption center cite code col colgroup data datalist dd del "
    "details dfn dialog dir div dl dt em embed fieldset figcaption figure font footer "
    "form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label "
    "legend li link main map mark menu meta meter nav nobr noscript object ol optgroup "
    "option output p param path picture pre progress q rp rt ruby s samp script "
    "section select small source span strike strong style sub summary sup svg table "
    "tbody td template textarea tfoot th thead time title tr track tt u ul var video"
).replace(" ", "|")
_BLOCKS = (
    "address article aside blockquote body br caption center dd div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hr html li main nav "
    "ol option p pre section select table tbody td textarea tfoot th thead title tr ul"
).replace(" ", "|")
_SILENT = ("script", "style", "template")
_SWALLOWING = ("script", "style", "template", "title", "textarea", "iframe", "noscript")

_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]\w{1,31});", re.IGNORECASE)
_BROKEN_ENTITY = re.compile(
    r"(?<![&\w])(?:#\d{2,5}|quot|amp|lt|gt|nbsp|apos);", re.IGNORECASE
)
_LOST_APOSTROPHE = re.compile(r"(?<=\w) ?#0?39;(?=\w)")
# Markup is told from the mention of a tag by a closing tag, an attribute, a tag that
# stands alone (<br>, <p>), one that starts the text or is glued to the next word.
_MARKUP = re.compile(
    rf"</(?:{_TAGS})\s*>|<(?:{_TAGS})\s+[\w:-]+\s*=|<(?:{_TAGS})>(?=\w)"
    r"|<(?:br|hr|img)(?:\s[^<>]*)?/?>|(?<!\w)<(?:p|li|td|tr)(?:\s[^<>]*)?>"
    rf"|\A\s*<(?:{_TAGS})\s*/?>|<!--|<!doctype\b|<\?xml\b|<!\[CDATA\[",
    re.IGNORECASE,
)
_NOT_A_TAG = re.compile(
    rf"<(?!/?(?:{_TAGS})(?=[\s/>]|\Z)|!--|!doctype\b|\?xml\b|!\[CDATA\[)", re.IGNORECASE
)
_BLOCK = re.compile(rf"<(?=/?(?:{_BLOCKS})[\s/>])", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")


def strip_html(text: str) -> str:
    """Return the text that a reader would see.

    Parameters
    ----------
    text : str
        Markup or plain text.

    Returns
    -------
    visible : str
        Without tags, comments, scripts and styles, entities decoded. Block elements
        and line breaks separate words, inline elements do not.

    Notes
    -----
    Linear time and memory.

    Examples
    --------
    >>> from deepclust.cleaning._html import strip_html
    >>> strip_html("<b>un</b>usual &amp; new").strip()
    'unusual & new'
    >>> strip_html("a vector<int> inside a <div>, a < b")
    'a vector<int> inside a <div>, a < b'
    """
    for _ in range(3):  # news feeds carry tags that were escaped twice
        before = text
        if ";" in text:
            text = decode_entities(text)
        if "<" in text and _MARKUP.search(text):
            text = _parse_html(text)
        if text == before:
            break
    return text


def decode_entities(text: str) -> str:
    """Return `text` with HTML entities, also broken ones, as characters.

    Examples
    --------
    >>> from deepclust.cleaning._html import decode_entities
    >>> decode_entities("Q&amp;A &#8364; 5 quot;sic quot; #36;10")
    'Q&A € 5 "sic " $10'
    """
    text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    text = _LOST_APOSTROPHE.sub("'", text)
    return _BROKEN_ENTITY.sub(lambda rest: html.unescape("&" + rest.group()), text)


def _parse_html(text: str) -> str:
    from selectolax.lexbor import LexborHTMLParser

    text = _NOT_A_TAG.sub("&lt;", text.replace("&", "&amp;"))
    for name in _SWALLOWING:
        text = _drop_unclosed(text, rf"<{name}\b[^<>]*>?", f"</{name}")
    text = _drop_unclosed(text, "<!--", "-->")
    text = _BLOCK.sub(" <", _SURROGATE.sub("", text))
    root = LexborHTMLParser(text).root
    if root is None:
        return ""
    for node in root.css(",".join(_SILENT)):
        node.decompose()
    return root.text(separator="")


def _drop_unclosed(text: str, start: str, end: str) -> str:
    """Remove opening tags that are never closed, which would swallow the rest."""
    closed = 0
    for match in re.finditer(end, text, re.IGNORECASE):
        closed = match.end()
    return text[:closed] + re.sub(start, " ", text[closed:], flags=re.IGNORECASE)
