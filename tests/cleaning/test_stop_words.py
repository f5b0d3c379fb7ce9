import itertools
import random

import numpy as np
import pytest

from deepclust import TextCleaner, Vectorizer
from deepclust.cleaning import Tokenizer, _stop_words
from deepclust.cleaning._stop_words import informative_stop_words
from deepclust.inspection import cluster_keywords
from deepclust.persistence import export_tokenizer

QUESTIONS = {
    "how much is": ["balance", "fee", "rent", "price"],
    "when does my": ["train", "bus", "flight", "ferry"],
    "who wrote the": ["novel", "poem", "song", "script"],
}


def requests(n_texts=600, seed=0):
    """Return texts whose stop words go with their subject."""
    rng = random.Random(seed)
    kinds = rng.choices([*QUESTIONS], k=n_texts)
    return [f"{kind} {' '.join(rng.sample(QUESTIONS[kind], 2))}" for kind in kinds]


def titles(n_texts=600, seed=0):
    """Return texts whose stop words go with all subjects."""
    rng = random.Random(seed)
    subjects = [*itertools.chain(*QUESTIONS.values())]
    kinds = rng.choices([*QUESTIONS], k=n_texts)
    return [f"{kind} {' '.join(rng.sample(subjects, 2))}" for kind in kinds]


def test_stop_words_that_go_with_the_subject_are_kept_and_marked():
    cleaner = TextCleaner().fit(requests())

    assert {"how", "much", "when", "does", "who"} <= {*cleaner.kept_stop_words_}
    assert cleaner.transform(["How much is my rent?"]) == ["how_ much_ is_ my_ rent"]
    # whoever only wants words without stop words still gets them
    assert TextCleaner(remove_stop_words=True).fit_transform(["How much rent?"]) == [
        "rent"
    ]


def test_stop_words_that_go_with_all_subjects_are_dropped():
    cleaner = TextCleaner().fit(titles())

    assert cleaner.kept_stop_words_ == ()
    assert cleaner.transform(["How much is my rent?"]) == ["rent"]


def test_without_fit_no_stop_word_is_kept():
    assert TextCleaner().transform(["How much is my rent?"]) == ["rent"]


def test_cleaning_twice_is_cleaning_once():
    cleaner = TextCleaner().fit(requests())
    clean = cleaner.transform(["How much isn't the rent_?", "WHO_ wrote_ 'the' how_"])

    assert cleaner.transform(clean) == clean


def test_neither_order_nor_copies_matter():
    texts = requests()
    shuffled = texts * 2
    random.Random(1).shuffle(shuffled)

    assert (
        TextCleaner().fit(texts).kept_stop_words_
        == TextCleaner().fit(shuffled).kept_stop_words_
        != ()
    )


def test_only_a_sample_is_looked_at(monkeypatch):
    monkeypatch.setattr(_stop_words, "MAX_TEXTS", 5)

    assert len(_stop_words.hashed_sample(requests())) == 5
    assert TextCleaner().fit(requests()).kept_stop_words_ == ()  # too few to tell


@pytest.mark.parametrize(
    "texts", [[], [""], ["the of"] * 50, ["cat"] * 50, ["the cat"], ["the cat"] * 50]
)
def test_texts_that_tell_nothing(texts):
    assert informative_stop_words(texts, frozenset({"the", "of"})) == []


def test_information_is_that_of_its_definition():
    # "a" goes with x alone, "b" with x and y alike; x is in 3 of 4 texts
    stops = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], dtype=float)
    others = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=float)
    csr = _stop_words.csr_matrix

    found = _stop_words.told_by(csr(stops), csr(others))

    of_b = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    np.testing.assert_allclose(found, [np.log(1 / 0.75), of_b])


def test_marked_words_are_no_keywords():
    texts = requests()
    clean = TextCleaner().fit_transform(texts)
    labels = [[*QUESTIONS].index(" ".join(text.split()[:3])) for text in texts]

    keywords = cluster_keywords(clean, labels, originals=texts)

    words = {word for some in keywords.values() for word in some}
    assert words
    assert not words & {"how", "much", "when", "does", "who", "wrote_", "how_"}


def test_marked_words_do_not_count_as_known():
    cleaner = TextCleaner()
    vectorizer = Vectorizer(word_vectors=None)
    vectorizer.fit(cleaner.fit_transform(requests()))

    clean = cleaner.transform(["how much is the quokka", "how much is the rent"])
    assert vectorizer.transform(clean).known_share.tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(vectorizer.known_share(clean), [0.0, 1.0])
    assert set(vectorizer.transform(clean)[:1].ids.tolist()) == {1}


def test_pretrained_vectors_are_those_of_the_word_without_mark():
    vectorizer = Vectorizer(word_vectors={"how": [1.0, 0.0], "rent": [0.0, 1.0]})
    vectorizer.fit(["how_ rent", "how_ rent"])

    assert vectorizer.vector_coverage_ == 1.0


def test_exported_rules_give_the_same_tokens(tmp_path):
    texts = requests()
    cleaner, vectorizer = TextCleaner(), Vectorizer(word_vectors=None)
    sequences = vectorizer.fit_transform(cleaner.fit_transform(texts))
    export_tokenizer(cleaner, vectorizer, tmp_path / "tokenizer.json")

    tokenizer = Tokenizer.from_json(tmp_path / "tokenizer.json")

    assert tokenizer(texts[:50]) == [sequence.tolist() for sequence in sequences[:50]]
    unknown = ["how much is the quokka"]
    expected = vectorizer.transform(cleaner.transform(unknown)).ids.tolist()
    assert tokenizer(unknown) == [expected]
