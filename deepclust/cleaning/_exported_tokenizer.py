"""Raw text → token ids, from an exported `tokenizer.json` and Python's library alone.

A leaf: nothing of deepclust imports it, and it imports nothing but the standard
library, so this one file can be copied to where texts are to be embedded, and shows
the algorithm to whoever writes it in another language. The JSON holds every pattern,
exception, stop word and token; this is what is done with them:

1. `html`: entities are decoded; a text that `markup` is found in loses its tags.
2. The text is cut at white space. Each piece is cut again and again until every token
   is its own and only token:

   a. Unusual characters are normalised (NFKC; format characters go, control and
      separator characters become spaces). Pieces over `max_piece` characters are cut.
   b. A piece that is a stop word in lower case goes.
   c. Han characters stand alone. Names that match `protected` are kept whole. The rest
      is cut by spaCy's algorithm: exceptions, prefixes, suffixes, infixes.
   d. A token goes if it or its norm is a stop word, or it has no letter or digit; from
      the others, punctuation at the edges is taken off; they become lower case.

3. Two neighbouring Han characters also make a pair. Tokens past `max_len` are cut off;
   what is not in `vocabulary` has id 1; 0 is for padding.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any

__all__ = ["FORMAT", "ExportedTokenizer"]

FORMAT = 1


class ExportedTokenizer:
    """Turn texts into the ids that the exported encoder takes.

    Parameters
    ----------
    path : path
        A file written by `deepclust.persistence.export_tokenizer`.

    Raises
    ------
    ValueError
        If the file has another format number.

    Notes
    -----
    Gives the ids of `TextCleaner` and `Vectorizer`. Broken markup is the exception:
    there another HTML parser may see another text. Linear time; about a tenth of
    deepclust's speed on pieces not met before.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from deepclust import TextCleaner, Vectorizer
    >>> from deepclust.persistence import export_tokenizer
    >>> from deepclust.cleaning._exported_tokenizer import ExportedTokenizer
    >>> cleaner = TextCleaner()
    >>> vectorizer = Vectorizer(word_vectors=None, max_len=8)
    >>> texts = ["Cats purr", "Dogs bark!", "The cats don't bark"] * 2
    >>> sequences = vectorizer.fit_transform(cleaner.transform(texts))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "tokenizer.json"
    ...     _ = export_tokenizer(cleaner, vectorizer, path)
    ...     tokenizer = ExportedTokenizer(path)
    >>> tokenizer(["<b>Dogs</b> don't purr, birds sing."])
    [[4, 5, 1, 1]]
    >>> tokenizer.padded(["Cats purr", ""])
    [[3, 5], [0, 0]]
    """

    def __init__(self, path: Any) -> None:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        if data.get("format") != FORMAT:
            raise ValueError(
                f"{path} has format {data.get('format')!r}; this reader knows format "
                f"{FORMAT}. Export it again, or take the reader of the same version."
            )
        self.options = data["options"]
        self.index = {token: i for i, token in enumerate(data["vocabulary"])}
        self.stop_words = frozenset(data["stop_words"])
        self.patterns = {
            name: re.compile(source, flags)
            for name, (source, flags) in data["patterns"].items()
        }
        self.edges = data["edges"]
        self.visible = {int(k): v for k, v in data["visible"].items()}
        self.ignorable = frozenset(data["ignorable"])
        self.silent, self.swallowing = data["silent"], data["swallowing"]
        self.splitter = _Splitter(data["splitter"])
        self._known: dict[str, list[str]] = {}

    def __call__(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text."""
        width = self.options["max_len"]
        return [
            [
                self.index.get(token, 1)
                for token in _with_pairs(self.tokens(text))[:width]
            ]
            for text in texts
        ]

    def padded(self, texts: Iterable[str]) -> list[list[int]]:
        """Return the ids of each text, right-padded with 0 to one length."""
        rows = self(texts)
        width = max(map(len, rows), default=0)
        return [row + [0] * (width - len(row)) for row in rows]

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of one text, known or not."""
        if self.options["strip_html"]:
            text = self._strip_html(text)
        return [token for piece in text.split() for token in self._settled(piece)]

    # --- pieces ------------------------------------------------------------------

    def _settled(self, piece: str) -> list[str]:
        if len(piece) > self.options["max_piece"]:
            parts = self._shorten(piece)
            return [token for part in parts for token in self._settled(part)]
        if piece not in self._known:
            self._known[piece] = self._settle(piece)
        return self._known[piece]

    def _settle(self, piece: str) -> list[str]:
        todo, done = [piece], []
        patience = 100 + 10 * len(piece)
        while todo:
            token = todo.pop()
            tokens = self._cut(token)
            patience -= 1
            if tokens == [token] or patience < 0:
                done.append(token)
            else:
                todo.extend(reversed(tokens))
        return done

    def _cut(self, piece: str) -> list[str]:
        if self.patterns["special"].search(piece):
            normal = self._normalise(piece)
            if normal != piece:
                return self._shorten(normal)
        if piece.lower() in self.stop_words:
            return []
        kept: list[str] = []
        for token, norm in self._split(piece):
            if norm == "not" and token.lower() != "not" and self.stop_words:
                kept = kept[:-1]  # the verb of a contraction: ai|n't
            elif word := self._finish(token, norm):
                kept.append(word)
        return kept

    def _shorten(self, piece: str) -> list[str]:
        parts: list[str] = []
        for part in self._normalise(piece).split():
            if len(part) <= self.options["max_piece"]:
                parts.append(part)
            else:
                parts += self.patterns["long_word"].findall(part)
        return parts

    def _normalise(self, piece: str) -> str:
        if self.options["strip_html"]:
            piece = self.patterns["separator"].sub(" ", self._decode_entities(piece))
        return "".join(map(self._show, unicodedata.normalize("NFKC", piece)))

    def _show(self, character: str) -> str:
        code, category = ord(character), unicodedata.category(character)
        if code in self.visible:
            return self.visible[code]
        if code in self.ignorable or category == "Cf":
            return ""
        return " " if category in {"Cc", "Cs", "Cn", "Zl", "Zp", "Zs"} else character

    def _split(self, piece: str) -> list[tuple[str, str]]:
        pairs: list[tuple[str, str]] = []
        han, protected = self.patterns["han_parts"], self.patterns["protected"]
        for part in [piece] if piece.isascii() else han.findall(piece):
            end = 0
            for name in protected.finditer(part):
                pairs += self.splitter(part[end : name.start()])
                pairs.append((name.group(), ""))
                end = name.end()
            pairs += self.splitter(part[end:])
        return pairs

    def _finish(self, token: str, norm: str) -> str:
        if token.lower() in self.stop_words or norm in self.stop_words:
            return ""
        if not token.isalnum() and not self.patterns["protected"].fullmatch(token):
            if not self.patterns["has_content"].search(token):
                return ""
            token = token.strip(self.edges)
        if self.options["lowercase"]:
            token = token.lower()
        if len(token) < self.options["min_token_length"]:
            return ""
        number = self.patterns["number"]
        if not self.options["keep_numbers"] and number.fullmatch(token):
            return ""
        return token

    # --- markup ------------------------------------------------------------------

    def _strip_html(self, text: str) -> str:
        for _ in range(3):
            before = text
            if ";" in text:
                text = self._decode_entities(text)
            if "<" in text and self.patterns["markup"].search(text):
                text = self._visible_text(text)
            if text == before:
                break
        return text

    def _decode_entities(self, text: str) -> str:
        patterns = self.patterns
        text = patterns["entity"].sub(lambda found: html.unescape(found.group()), text)
        text = patterns["lost_apostrophe"].sub("'", text)
        return patterns["broken_entity"].sub(
            lambda rest: html.unescape("&" + rest.group()), text
        )

    def _visible_text(self, text: str) -> str:
        text = self.patterns["not_a_tag"].sub("&lt;", text.replace("&", "&amp;"))
        for name in self.swallowing:
            text = _drop_unclosed(text, rf"<{name}\b[^<>]*>?", f"</{name}")
        text = _drop_unclosed(text, "<!--", "-->")
        reader = _VisibleText(self.silent)
        reader.feed(self.patterns["block"].sub(" <", text))
        reader.close()
        return "".join(reader.parts)


class _Splitter:
    """spaCy's tokenizer: https://spacy.io/usage/linguistic-features#how-tokenizer-works

    Its last step, in which exceptions are looked for among the tokens found, is
    included.
    """

    def __init__(self, data: dict[str, Any]) -> None:
        def compiled(name: str) -> Any:
            return re.compile(*data[name]) if data[name] else re.compile("(?!)")

        self.prefix, self.suffix = compiled("prefix"), compiled("suffix")
        self.infix, self.url = compiled("infix"), compiled("url")
        self.whole = compiled("whole_token")
        self.norms = data["norms"]
        self.exceptions: dict[str, list[tuple[str, str]]] = {}
        self.sequences: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for text, tokens in data["exceptions"].items():
            pairs = [(token, norm) for token, norm in tokens]
            if any(p.search(text) for p in (self.prefix, self.suffix, self.infix)):
                self.sequences[tuple(self._affixes(text, {}))] = pairs
            self.exceptions[text] = pairs
        self.longest = max(map(len, self.sequences), default=0)

    def __call__(self, piece: str) -> list[tuple[str, str]]:
        """Return the tokens of a piece without white space, each with its norm."""
        if piece in self.exceptions:
            return self.exceptions[piece]
        pairs: list[tuple[str, str]] = []
        tokens = self._affixes(piece, self.exceptions)
        plain = [token for part in tokens for token in self._expand(part)]
        spans = self._spans([token for token, _ in plain])
        i = 0
        while i < len(plain):
            stop = spans.get(i, i + 1)
            text = "".join(token for token, _ in plain[i:stop])
            found = self.exceptions.get(text) if i in spans else None
            pairs += plain[i:stop] if found is None else found
            i = stop
        return pairs

    def _expand(self, token: str) -> list[tuple[str, str]]:
        if token in self.exceptions:
            return self.exceptions[token]
        return [(token, self.norms.get(token, token.lower()))]

    def _affixes(self, piece: str, exceptions: dict[str, Any]) -> list[str]:
        prefixes: list[str] = []
        suffixes: list[str] = []
        while piece and piece not in exceptions and not self.whole.match(piece):
            before = self.prefix.search(piece)
            n_before = len(before.group()) if before else 0
            rest = piece[n_before:]
            if n_before and rest in exceptions:
                prefixes.append(piece[:n_before])
                piece = rest
                break
            after = self.suffix.search(rest)
            n_after = len(after.group()) if after else 0
            rest = piece[: len(piece) - n_after]
            if n_after and rest in exceptions:
                suffixes.append(piece[-n_after:])
                piece = rest
                break
            if not n_before and not n_after:
                break
            if n_before:
                prefixes.append(piece[:n_before])
            if n_after:
                suffixes.append(piece[-n_after:])
            piece = piece[n_before : len(piece) - n_after]
        return prefixes + self._infixes(piece, exceptions) + suffixes[::-1]

    def _infixes(self, piece: str, exceptions: dict[str, Any]) -> list[str]:
        if not piece:
            return []
        whole = self.whole.match(piece) or self.url.match(piece)
        if piece in exceptions or whole:
            return [piece]
        parts: list[str] = []
        start = 0
        for found in self.infix.finditer(piece):
            if found.start() == 0:
                continue
            parts += [piece[start : found.start()], found.group()]
            start = found.end()
        return [part for part in [*parts, piece[start:]] if part]

    def _spans(self, tokens: list[str]) -> dict[int, int]:
        """Return where exceptions start and stop; the longest first, no overlap."""
        found = [
            (start, start + length)
            for length in range(min(self.longest, len(tokens)), 0, -1)
            for start in range(len(tokens) - length + 1)
            if tuple(tokens[start : start + length]) in self.sequences
        ]
        spans: dict[int, int] = {}
        seen: set[int] = set()
        for start, stop in found:
            if start not in seen and stop - 1 not in seen:
                spans[start] = stop
            seen.update(range(start, stop))
        return spans


class _VisibleText(HTMLParser):
    def __init__(self, silent: list[str]) -> None:
        super().__init__(convert_charrefs=True)
        self.silent, self.depth = silent, 0
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.depth += tag in self.silent

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag in self.silent and self.depth > 0

    def handle_data(self, data: str) -> None:
        if not self.depth:
            self.parts.append(data)


def _drop_unclosed(text: str, start: str, end: str) -> str:
    closed = 0
    for match in re.finditer(end, text, re.IGNORECASE):
        closed = match.end()
    return text[:closed] + re.sub(start, " ", text[closed:], flags=re.IGNORECASE)


def _with_pairs(tokens: list[str]) -> list[str]:
    result = []
    for token, following in zip(tokens, [*tokens[1:], ""], strict=False):
        result.append(token)
        if _is_han(token) and _is_han(following):
            result.append(token + following)
    return result


def _is_han(token: str) -> bool:
    return len(token) == 1 and "\u3400" <= token <= "\u9fff"
