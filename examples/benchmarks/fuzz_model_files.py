"""Load model files that were changed at random: all that goes wrong is documented.

    python examples/benchmarks/fuzz_model_files.py model.dct --mutations 100000
    python examples/benchmarks/fuzz_model_files.py model.dct --seconds 600

Each mutation changes, inserts, deletes or repeats bytes of a valid file. Half of them
compute all digests again afterwards, as an attacker would, so that the readers behind
the digests are reached; of these, half change the JSON or the numbers of a section
alone. A file has to be loaded, or refused with `ModelFileError`; memory may grow by the
size of the file and 50 MB. Anything else is printed with the seed, and the exit status
is 1.

With --seconds, the package atheris picks the files to change further, by the branches
of the loader that they reached. It stops at the first error, or at 2 GB of memory.
"""

import argparse
import hashlib
import random
import resource
import struct
import sys
import time
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

from deepclust import load
from deepclust.exceptions import ModelFileError
from deepclust.persistence import _container as container
from deepclust.persistence._arrays import parse_json

ALLOWED_GROWTH = 50e6  # bytes, beyond the size of the file
JSON_TOKENS = [
    b"null", b"-1", b"1e308", b"[]", b"{}", b'""', b"true", b'"steps"', b"[[[[",
    b'{"object":0}', b'{"list":[]}', b'"state"', b"18446744073709551616", b",", b":",
]  # fmt: skip


def mutate(content: bytearray, rng: random.Random) -> None:
    """Change some places of `content`."""
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        place = rng.randrange(len(content) + 1)
        kind = rng.randrange(6)
        length = rng.choice((1, 1, 2, 4, 8, 64))
        if kind == 0 and place < len(content):
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place : place + length] = rng.randbytes(length)
        elif kind == 2:
            del content[place : place + length]
        elif kind == 3:
            content[place:place] = content[rng.randrange(len(content) + 1) :][:length]
        elif kind == 4:
            token = rng.choice(JSON_TOKENS)
            content[place : place + len(token)] = token
        else:
            number = rng.choice((0, 1, 2**31, 2**63, 2**64 - 1, rng.getrandbits(64)))
            content[place : place + 8] = struct.pack("<Q", number)


def mutate_behind_digests(whole: bytes, rng: random.Random) -> bytes:
    """Change the manifest or a section, and compute all digests again."""
    length = int.from_bytes(whole[24:32], "little")
    text = bytearray(whole[64 : 64 + length].rstrip())
    if rng.random() < 0.3:
        mutate(text, rng)
        return _with_header(bytes(text), whole[64 + length :])
    manifest, place, stored = parse_json(bytes(text)), 64 + length, b""
    chosen = rng.randrange(len(manifest["sections"]))
    for number, entry in enumerate(manifest["sections"]):
        section = bytearray(whole[place : place + entry["length"]])
        place += entry["length"] + -entry["length"] % container.ALIGNMENT
        if number == chosen:
            part = slice(0, len(section))
            if rng.random() < 0.8:  # the header, or the JSON, which is its last array
                part = rng.choice((slice(0, 2_000), slice(-8_000, None)))
            piece = section[part]
            mutate(piece, rng)
            section[part] = piece
        entry["length"] = len(section)
        padded = bytes(section) + bytes(-len(section) % container.ALIGNMENT)
        entry["sha256"] = hashlib.sha256(padded).hexdigest()
        stored += padded
    return container._head(manifest, 0) + stored


def _with_header(text: bytes, rest: bytes) -> bytes:
    text += b" " * (-len(text) % container.ALIGNMENT)
    numbers = struct.pack("<IIQ", container.FORMAT, 0, len(text))
    digest = hashlib.sha256(numbers + text).digest()
    return container.MAGIC + numbers + digest + text + rest


def mutated(whole: bytes, seed: int) -> bytes:
    """Return mutation number `seed` of a file."""
    rng = random.Random(seed)
    if seed % 2:
        return mutate_behind_digests(whole, rng)
    content = bytearray(whole)
    mutate(content, rng)
    return bytes(content)


def outcome(path: Path, key: Path | None = None) -> str:
    """Load a file, with a role key if it is encrypted; return what came of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # ModelDriftWarning
            load(path, keys=key)
    except ModelFileError as error:
        return type(error).__name__
    return "loaded"


def guided(model: Path, seconds: int) -> None:
    """Fuzz one file by coverage; end the process."""
    from guided_fuzzing import fuzz

    whole, path = model.read_bytes(), Path(f"{model}.mutated")

    def mutator(content: bytes, most: int, seed: int) -> bytes:
        """Return another file, whose digests are right."""
        try:
            return mutate_behind_digests(content, random.Random(seed))[:most]
        except (ValueError, KeyError, TypeError):  # not one of a right manifest
            return mutate_behind_digests(whole, random.Random(seed))[:most]

    def run(content: bytes) -> None:
        """Load one file."""
        path.write_bytes(content)
        outcome(path)

    time, length = f"-max_total_time={seconds}", f"-max_len={4 * len(whole)}"
    fuzz("deepclust.pers", run, mutator, time, length)


def main() -> int:
    """Fuzz one file; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--key", type=Path, help="role key of an encrypted model")
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="seed to begin with")
    parser.add_argument("--memory", action="store_true", help="measure it (5 × slower)")
    parser.add_argument("--seconds", type=int, help="fuzz by coverage for so long")
    options = parser.parse_args()
    if options.seconds:
        load(options.model)
        guided(options.model, options.seconds)
    whole, path = options.model.read_bytes(), Path(f"{options.model}.mutated")
    outcomes: Counter[str] = Counter()
    failures, largest, start = 0, 0.0, time.perf_counter()
    load(options.model, keys=options.key)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(options.first, options.first + options.mutations):
        content = mutated(whole, seed)
        path.write_bytes(content)
        if options.memory:
            tracemalloc.start()
        try:
            outcomes[outcome(path, options.key)] += 1
        except Exception as error:
            failures += 1
            print(f"seed {seed}: {type(error).__name__}: {error}", file=sys.stderr)
        if options.memory:
            largest = max(largest, tracemalloc.get_traced_memory()[1] - len(content))
            tracemalloc.stop()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    path.unlink()
    print(f"{options.mutations:,} mutations, {time.perf_counter() - start:.0f} s")
    print(", ".join(f"{kind} {count:,}" for kind, count in outcomes.most_common()))
    print(f"undocumented: {failures}; the process grew by {grown / 1e6:.1f} MB")
    if options.memory:
        print(f"largest load beyond the size of its file: {largest / 1e6:.1f} MB")
    too_large = max(grown - len(whole), largest) > ALLOWED_GROWTH
    return int(failures > 0 or too_large)


if __name__ == "__main__":
    sys.exit(main())
