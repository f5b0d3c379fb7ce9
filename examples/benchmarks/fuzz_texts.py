"""Random Unicode through the cleaner, the tokenizer and the vectorizer.

    python examples/benchmarks/fuzz_texts.py 1000000 --seed 0
    python examples/benchmarks/fuzz_texts.py --seconds 300

Every text is checked: nothing is raised, cleaning the result again changes nothing,
tokens hold no white space or control characters, and a text alone gives what it gives
in a batch. Prints the first text that breaks one of these, and figures.

With --seconds, the package atheris picks the texts to change further, by the branches
of cleaner, tokenizer and vectorizer that they reached. It stops at the first error, at
a text that takes ten seconds, or at 2 GB of memory.
"""

import argparse
import random
import resource
import sys
import time
import unicodedata

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning._redaction import KINDS

BATCH = 10_000
PACKAGES = ("deepclust.cleaning", "deepclust.vectorizing", "deepclust._text_input")
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


def guided(seconds: int) -> None:
    """Fuzz by coverage; end the process."""
    import atheris
    from guided_fuzzing import fuzz

    cleaner, redacting = TextCleaner(), TextCleaner(redact=KINDS)
    broken(["word"], cleaner)  # imports what is imported at the first use

    def mutator(content: bytes, most: int, seed: int) -> bytes:
        """Return other bytes, half of the time with a random text between them."""
        rng = random.Random(seed)
        if rng.random() < 0.5:
            piece = random_text(rng).encode("utf-8", "surrogatepass")
            place = rng.randint(0, len(content))
            return (content[:place] + piece + content[place:])[:most]
        return atheris.Mutate(content, most)

    def run(content: bytes) -> None:
        """Check one text."""
        text = content.decode("utf-8", "surrogateescape")
        redacting.transform([text])
        if broken([text], cleaner) is not None:
            raise AssertionError(f"broken: {text!r}")

    time = f"-max_total_time={seconds}"
    fuzz(PACKAGES, run, mutator, time, "-max_len=512", "-timeout=10")


def main() -> int:
    """Run, print figures, and return 1 if a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("n_texts", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=int, help="fuzz by coverage for so long")
    options = parser.parse_args()
    if options.seconds:
        guided(options.seconds)
    n_texts, seed = options.n_texts, options.seed
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
    sys.exit(main())
