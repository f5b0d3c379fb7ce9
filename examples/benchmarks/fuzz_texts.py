"""Random Unicode through the cleaner, the tokenizer and the vectorizer.

    python examples/benchmarks/fuzz_texts.py [n_texts] [seed]

Every text is checked: nothing is raised, cleaning the result again changes nothing,
tokens hold no white space or control characters, and a text alone gives what it gives
in a batch. Prints the first text that breaks one of these, and figures.
"""

import random
import resource
import sys
import time
import unicodedata

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning._redaction import KINDS

BATCH = 10_000
BLOCKS = [  # first and last code point, how often
    ((0x20, 0x7E), 8), ((0x00, 0xFF), 3), ((0x0300, 0x036F), 2), ((0x0370, 0x06FF), 3),
    ((0x0900, 0x0DFF), 1), ((0x2000, 0x206F), 2), ((0x20A0, 0x2BFF), 1),
    ((0x3000, 0x30FF), 1), ((0x4E00, 0x9FFF), 1), ((0xAC00, 0xD7A3), 1),
    ((0xD800, 0xDFFF), 1), ((0xFB00, 0xFFFF), 2), ((0x1F300, 0x1FAFF), 2),
    ((0xE0000, 0xE01EF), 1), ((0x00, 0x10FFFF), 2),
]  # fmt: skip
PIECES = [
    "<b>", "&amp;", "<!--", "http://a.b/?q=", "@", "#", "don't", "e.g.", "C++",
    ":-)", "1,000.5", "a@b.co", "</script>", "\u200d", "&#0;", "\r\n",
]  # fmt: skip


def random_text(rng: random.Random) -> str:
    """Return up to 40 characters of a few blocks, with pieces of markup between."""
    blocks, weights = zip(*BLOCKS, strict=True)
    chosen = rng.choices(blocks, weights, k=3)
    parts = [chr(rng.randint(*rng.choice(chosen))) for _ in range(rng.randint(0, 40))]
    for _ in range(rng.randint(0, 2)):
        parts.insert(rng.randint(0, len(parts)), rng.choice(PIECES))
    return "".join(parts)


def broken(texts: list[str], cleaner: TextCleaner) -> str | None:
    """Return the first text for which a promise does not hold."""
    clean = cleaner.transform(texts)
    again = cleaner.transform(clean)
    for text, once, twice in zip(texts, clean, again, strict=True):
        controls = any(unicodedata.category(char) == "Cc" for char in once)
        if once != twice or controls or once != " ".join(once.split()):
            return text
    for place in range(0, len(texts), 97):
        if cleaner.transform([texts[place]]) != [clean[place]]:
            return texts[place]
    tokens = Vectorizer(word_vectors=None, min_df=1).fit_transform([*clean, "word"])
    for row, text in zip(tokens, clean, strict=False):
        if bool(text) != bool(len(row)):
            return text
    return None


def main(n_texts: int = 1_000_000, seed: int = 0) -> int:
    """Run, print figures, and return 1 if a promise was broken."""
    rng, start = random.Random(seed), time.process_time()
    redacting = TextCleaner(redact=KINDS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for done in range(0, n_texts, BATCH):
        texts = [random_text(rng) for _ in range(min(BATCH, n_texts - done))]
        bad = broken(texts, TextCleaner())
        redacting.transform(texts[::10])
        if bad is not None:
            print(f"broken after {done:,} texts: {bad!r}")
            return 1
        if done % 100_000 == 0:
            print(f"{done:,} texts", file=sys.stderr, flush=True)
        if not done:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"{n_texts:,} texts, none broke a promise; {time.process_time() - start:.0f} s "
        f"of the processor; the process grew by {grown / 1024:.0f} MiB after the first "
        f"{BATCH:,}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
