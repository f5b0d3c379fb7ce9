"""Sample any number of texts, and predict them to files, in bounded memory.

    python examples/benchmarks/out_of_core.py texts.txt.gz --n-texts 10000000 \
        --model model.dct

Where more texts are asked for than the file has, it is read again, and in each text one
word is exchanged for one of the text before, so that nearly all differ. Without
--model, one is fitted on a sample first. Prints CPU seconds of each step, and the peak
of the process so far.
"""

import argparse
import random
import resource
import time
from itertools import count
from tempfile import TemporaryDirectory

from deepclust import load, make_text_clusterer
from deepclust.datasets import TextFiles
from deepclust.distributed import predict_to_parquet
from deepclust.pipeline import draw_texts


class Exchanged:
    """The first texts of a file; beyond its end, the same with words exchanged."""

    def __init__(self, path, n_texts):
        self.files, self.n_texts = TextFiles(path), n_texts

    def __iter__(self):
        texts = (text for turn in count() for text in self.turn(turn))
        return (text for text, _ in zip(texts, range(self.n_texts), strict=False))

    def turn(self, number):
        rng, before = random.Random(number), [""]
        for text in self.files:
            words = text.split()
            if number and words:
                words[rng.randrange(len(words))] = rng.choice(before)
            yield " ".join(words)
            before = words or before


def timed(name, function, *arguments, **options):
    start = time.process_time()
    result = function(*arguments, **options)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"| {name} | {seconds:.1f} | {peak:.0f} |", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", help="a text a line; may be compressed by gzip")
    parser.add_argument("--n-texts", type=int, default=100_000)
    parser.add_argument("--n-sample", type=int, default=200_000)
    parser.add_argument("--batch-size", type=int, default=100_000)
    parser.add_argument("--model", help="a fitted pipeline, by deepclust.save")
    options = parser.parse_args()
    texts = Exchanged(options.texts, options.n_texts)
    print("| step | CPU s | peak, MB |\n|---|---:|---:|")
    timed("draw a sample", draw_texts, texts, options.n_sample)
    if options.model is None:
        pipeline = make_text_clusterer(random_state=0)
        pipeline.set_params(max_fit_texts=options.n_sample)
        timed("fit", pipeline.fit, texts)
    else:
        pipeline = load(options.model)
    with TemporaryDirectory() as folder:
        given = (pipeline, texts, folder)
        size = {"batch_size": options.batch_size}
        parts = timed("predict to files", predict_to_parquet, *given, **size)
        timed("again, all parts kept", predict_to_parquet, *given, **size)
    print(f"{options.n_texts} texts in {len(parts)} parts")


if __name__ == "__main__":
    main()
