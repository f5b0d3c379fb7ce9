"""Names by a callable: what it is sent, when it fails, and what is kept."""

import json
import threading

import numpy as np
import pytest

from deepclust.inspection import (
    Namer,
    cluster_names,
    export_prompts,
    layer_names,
    naming_prompt,
)

TEXTS = ["lost card", "lost my card", "card fee", "high card fee", "rain", "sun rain"]
LAYERS = np.array([[0, 0], [0, 0], [0, 1], [0, 1], [1, 2], [1, 2]])


def test_a_callable_names_each_topic_once_after_its_parent():
    sent = []

    def name(keywords, texts, parent):
        sent.append((keywords[0], texts, parent))
        return f"About {keywords[0]}\n"

    broad, fine = layer_names(TEXTS, LAYERS, namer=name)

    assert broad == {0: "About card", 1: "About rain"}
    assert fine == {0: "About lost", 1: "About card fee", 2: "About rain"}
    assert [parent for _, _, parent in sent] == ["", "", "About card", "About card"]
    assert set(sent[2][1]) == {"lost card", "lost my card"}


def test_failures_are_tried_again_then_named_by_keywords():
    calls = []

    def name(keywords, texts, parent):
        calls.append(keywords[0])
        if keywords[0] == "apple":
            raise OSError("no line")
        return "" if len(calls) < 2 else "Cars"

    namer = Namer(name, n_retries=1, wait=0.0)
    with pytest.warns(UserWarning, match=r"failed for 1 of 2 .*OSError: no line"):
        names = cluster_names({0: ["car"], 1: ["apple"]}, namer=namer)

    assert names == {0: "Cars", 1: "apple"}
    audit = namer.audit(output="pandas")
    assert audit["attempts"].tolist() == [2, 2]
    assert audit["error"].tolist()[1] == "OSError: no line"
    assert audit["name"].tolist() == [*names.values()]


def test_the_same_content_is_asked_once_and_the_cache_may_be_shared():
    calls, cache = [], {}

    def name(keywords, texts, parent):
        calls.append(keywords)
        return "Fruit"

    first = Namer(name, cache=cache)
    assert cluster_names({0: ["apple"]}, namer=first) == {0: "Fruit"}
    second = Namer(name, cache=cache)
    assert cluster_names({7: ["apple"]}, namer=second) == {7: "Fruit"}

    assert len(calls) == 1
    assert second.audit(output="polars")["cached"].to_list() == [True]


def test_no_two_topics_get_one_answer():
    names = cluster_names(
        {0: ["apple"], 1: ["pear"], 2: ["pear"]}, namer=lambda *_: "A"
    )

    assert names == {0: "A", 1: "A (pear)", 2: "A (0.2)"}


def test_noise_is_a_label_and_not_a_keyword():
    keywords = {0: ["noise"], np.int64(-1): ["how"]}

    names = cluster_names(keywords, namer=lambda *_: "Sound")

    assert names == {0: "Sound", -1: "noise"}
    with pytest.raises(TypeError, match="namer must be a callable"):
        cluster_names({0: ["noise"]}, namer="a model")


def test_threads_give_the_same_names_as_one():
    meeting = threading.Barrier(2, timeout=20)

    def name(keywords, texts, parent):
        meeting.wait()  # passes only if two calls run at a time
        return keywords[0].title()

    names = cluster_names({0: ["apple"], 1: ["car"]}, namer=Namer(name, n_jobs=2))

    assert names == {0: "Apple", 1: "Car"}


def test_at_most_so_many_texts_are_sent_and_cut():
    seen = []
    namer = Namer(lambda k, texts, p: seen.append(texts) or "A", n_texts=1)

    cluster_names({0: ["a b"]}, namer=namer, texts={0: ["x" * 900, "second"]})

    assert [len(text) for text in seen[0]] == [500]


@pytest.mark.parametrize("form", ["txt", "md", "json"])
def test_prompts_of_every_topic_are_written(tmp_path, form):
    originals = [text.title() for text in TEXTS]

    path = export_prompts(
        tmp_path / f"p.{form}", TEXTS, LAYERS, originals=originals, n_texts=2
    )

    content = path.read_text("utf-8")
    assert content.count("Name this topic") == 4
    if form == "json":
        rows = json.loads(content)
        assert [(row["layer"], row["cluster"]) for row in rows] == [
            *((0, 0), (0, 1), (1, 0), (1, 1)),
        ]
        assert rows[2]["parent"].startswith("Card")
        row = rows[2]
        assert row["prompt"] == naming_prompt(
            row["keywords"], row["texts"], row["parent"]
        )
    else:
        assert "Layer 1, cluster 1" in content
        assert "- High Card Fee" in content


def test_prompts_need_a_known_ending(tmp_path):
    with pytest.raises(ValueError, match=r"\.txt, \.md or \.json"):
        export_prompts(tmp_path / "p.doc", TEXTS, LAYERS)
