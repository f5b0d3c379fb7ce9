"""Passages that many texts share and that tell nothing of the rest."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepclust import TextCleaner
from deepclust.cleaning import Tokenizer, _boilerplate
from deepclust.cleaning._boilerplate import find_boilerplate
from deepclust.cleaning._tokenizer import without_passages
from deepclust.persistence import export_tokenizer, load, save

SUBJECTS = {
    "travel": ["train", "bus", "flight", "ferry", "ticket", "seat", "gate", "luggage"],
    "money": ["bill", "refund", "fee", "card", "account", "transfer", "bank", "cash"],
}
DISCLAIMER = (
    "This message is confidential and for the addressee only. If you have received "
    "it in error, please tell the sender, and delete it."
)


def mails(n_texts=600, seed=0):
    """Return texts of two subjects, half of them with a disclaimer."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n_texts):
        text = " ".join(rng.sample(SUBJECTS[rng.choice([*SUBJECTS])], 3))
        rows.append(f"{text}. {DISCLAIMER}" if rng.random() < 0.5 else text)
    return rows


@pytest.fixture(scope="module")
def cleaner():
    return TextCleaner().fit(mails())


def test_a_passage_that_tells_nothing_is_dropped(cleaner):
    assert "please tell the sender" in cleaner.boilerplate_
    assert cleaner.transform([f"Train, luggage. {DISCLAIMER}"]) == ["train luggage"]
    # whatever its case, punctuation and line breaks
    changed = DISCLAIMER.upper().replace(",", "\n").replace(".", "!")
    assert cleaner.transform([f"Train {changed} luggage"]) == ["train luggage"]


def test_other_texts_stay_as_they_are(cleaner):
    texts = ["please tell me the fee", "delete the message", "a confidential payment"]
    expected = TextCleaner(remove_boilerplate=False).fit(mails()).transform(texts)
    assert cleaner.transform(texts) == expected


def test_a_passage_of_a_topic_stays():
    rng = random.Random(0)
    texts = []
    for _ in range(600):
        subject = rng.choice([*SUBJECTS])
        words = " ".join(rng.sample(SUBJECTS[subject], 3))
        start = "i want to travel by" if subject == "travel" else "the sum of my"
        texts.append(f"{start} {words}")
    assert TextCleaner().fit(texts).boilerplate_ == ()


def test_a_passage_without_other_words_stays():
    texts = [f"how can i cancel {place}" for place in ("order", "account")] * 50
    texts += ["please call me back now"] * 50
    assert find_boilerplate(texts, frozenset({"how", "can", "i"})) == []


def test_a_passage_of_few_texts_stays(monkeypatch):
    monkeypatch.setattr(_boilerplate, "MIN_TEXTS", 1_000)
    assert find_boilerplate(mails(), frozenset()) == []


@pytest.mark.parametrize("texts", [[], [""], ["a"], ["a b c"], ["a b c d"]])
def test_short_and_empty_texts(texts):
    assert find_boilerplate(texts, frozenset()) == []
    assert TextCleaner().fit(texts or ["x"]).boilerplate_ == ()


def test_neither_order_nor_copies_matter():
    texts = mails()
    shuffled = random.Random(1).sample(texts + texts[:100], len(texts) + 100)
    found = TextCleaner().fit(shuffled).boilerplate_
    assert found == TextCleaner().fit(texts).boilerplate_


def test_texts_beyond_a_number_of_words_are_not_read(monkeypatch):
    monkeypatch.setattr(_boilerplate, "MAX_WORDS", 100)
    assert find_boilerplate(mails(), frozenset()) == []


def test_boilerplate_stays_where_it_is_asked_to():
    cleaner = TextCleaner(remove_boilerplate=False).fit(mails())
    assert cleaner.boilerplate_ == ()
    assert "addressee" in cleaner.transform([DISCLAIMER])[0]
    cleaner = TextCleaner().fit(mails()).set_params(remove_boilerplate=False)
    assert "addressee" in cleaner.transform([DISCLAIMER])[0]


def test_markup_and_redacted_identifiers_hide_no_passage():
    texts = [f"<p>{text}</p> me{i}@mail.org" for i, text in enumerate(mails())]
    cleaner = TextCleaner(redact=("email",)).fit(texts)
    assert cleaner.transform([f"<p>bus. {DISCLAIMER}</p> a@b.org"]) == ["bus"]


def test_a_file_and_exported_rules_give_the_same_tokens(cleaner, tmp_path):
    from deepclust import Vectorizer

    texts = [f"Train. {DISCLAIMER}", "please tell me the fee"]
    vectorizer = Vectorizer(word_vectors=None).fit(cleaner.transform(mails()))
    path = tmp_path / "tokenizer.json"
    export_tokenizer(cleaner, vectorizer, path)

    tokenizer = Tokenizer.from_json(path)
    loaded = load(save(cleaner, tmp_path / "cleaner.dct"))

    expected = cleaner.transform(texts)
    assert [" ".join(tokenizer.tokens(text)) for text in texts] == expected
    assert loaded.transform(texts) == expected


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e", ",", "the"]), max_size=14))
def test_cleaning_twice_is_cleaning_once(pieces):
    cleaner = TextCleaner()
    cleaner.kept_stop_words_, cleaner.boilerplate_ = (), ("a b c d", "b e b e")
    once = cleaner.transform([" ".join(pieces)])
    assert cleaner.transform(once) == once


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "--", "x"]), max_size=14))
def test_pieces_that_stay_keep_their_order(pieces):
    kept = iter(pieces)
    assert all(piece in kept for piece in without_passages(pieces, {"a b c d"}))
