"""
News stream: topics over time, and what is new
==============================================

Headlines have dates. A model of the first months predicts the next one, what it does
not know is noise, and a new model keeps the names of the old.
"""

# %%
# The texts
# ---------
# Made-up headlines of January to April. A storm comes in April.

import random
import re

import pandas as pd

PATTERNS = {
    "elections": "{Voters|Parties|Polls} {decide|argue} on {the ballot|the coalition} "
    "before the {election|vote} of {parliament|the president}",
    "football": "{Striker|Goalkeeper|Coach} {praised|injured} after {goal|penalty} "
    "in the {league|cup} {match|final}",
    "markets": "{Shares|Stocks|Bonds} {fall|rise} as {inflation|central bank} moves "
    "{interest rates|bond yields} for {investors|banks}",
    "storm": "{Storm|Hurricane|Flood} {hits|closes} {coast|harbors}, {rain|wind} cuts "
    "{power lines|roads} and {rescuers|residents} leave",
}


def headlines(month: int, shares: dict[str, int], rng: random.Random):
    """Return texts and dates of a month; `shares` are texts a topic."""
    rows = [
        (
            re.sub("{(.*?)}", lambda m: rng.choice(m[1].split("|")), PATTERNS[topic]),
            pd.Timestamp(2024, month, rng.randint(1, 28)),
        )
        for topic, n_texts in shares.items()
        for _ in range(n_texts)
    ]
    return map(list, zip(*rows, strict=True))


rng = random.Random(0)
texts, dates = [], []
for month in (1, 2, 3):
    n_texts = {"elections": 40 * month, "football": 80, "markets": 70}
    more_texts, more_dates = headlines(month, n_texts, rng)
    texts, dates = [*texts, *more_texts], [*dates, *more_dates]

# %%
# January to March
# ----------------
# The network is small, for this page.

from deepclust import make_text_clusterer
from deepclust.plotting import plot_topics_over_time

small = {f"encode__{n}": 16 for n in ("rnn_units", "lstm_units", "embedding_dim")}
winter = make_text_clusterer(random_state=0).set_params(**small)
labels = winter.fit_predict(texts)
names = winter["cluster"].cluster_names_
_ = plot_topics_over_time(labels, dates, names=names, interval="month")

# %%
# April
# -----
# The old model predicts the new month. Texts about the storm share hardly a word with
# the winter, and are noise.

from deepclust.inspection import prediction_table

shares = {"elections": 40, "football": 80, "markets": 70, "storm": 90}
april, april_dates = headlines(4, shares, rng)
predicted = prediction_table(winter, april).replace({"name": {"": "noise"}})
predicted.groupby("name")[["known_words", "membership"]].agg(["size", "mean"]).round(2)

# %%
# A new model, with the old names
# -------------------------------
# ``align`` matches the clusters of a new model to those of the old one: ids and names
# stay, and the table says what was born.

from deepclust.clustering import align

spring = make_text_clusterer(random_state=0).set_params(**small)
both, both_dates = [*texts, *april], [*dates, *april_dates]
spring.fit(both)
alignment = align(winter, spring, both)
alignment[["cluster", "id", "name", "change"]]

# %%
labels, names = spring["cluster"].labels_, spring["cluster"].cluster_names_
_ = plot_topics_over_time(labels, both_dates, names=names, interval="month")

# %%
# See also: :doc:`/guide/editing`, on edits that follow.
