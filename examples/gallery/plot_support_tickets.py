"""
Support tickets: what do customers write about?
===============================================

From a list of tickets to a table, a map, and a cluster for each new ticket.
"""

# %%
# The texts
# ---------
# 700 made-up tickets. Yours come from a file: ``texts = load_texts("tickets.csv",
# column="body").data``.

import random
import re

PATTERNS = [
    "My {parcel|order|package} {has not arrived|is late|never came}, the "
    "{tracking number|courier|driver} {says nothing|shows no address}",
    "I was {charged|billed} twice for {my subscription|the invoice}, please "
    "{refund|return} the {payment|amount} to my {card|bank account}",
    "I cannot {log in|sign in}, the {password|code} is {rejected|wrong} and the "
    "{reset email|verification email} {expired|is missing}",
    "The app {crashes|freezes|closes} on {the start screen|my phone} after "
    "{the update|installing version five}, the {button|menu} does nothing",
    "The {shoes|trousers|gloves} {are torn|have a hole|do not fit}, I want to "
    "{exchange|send back} the {wrong size|defective item}",
]
OPENINGS = ["", "Hello, ", "Dear team, ", "Third time I write! "]


def write(pattern: str, rng: random.Random) -> str:
    """Choose one of the alternatives in each pair of braces."""
    return re.sub("{(.*?)}", lambda m: rng.choice(m[1].split("|")), pattern)


rng = random.Random(0)
texts = [rng.choice(OPENINGS) + write(p, rng) for p in PATTERNS for _ in range(140)]
rng.shuffle(texts)
print(*texts[:4], sep="\n")

# %%
# Clusters
# --------
# Nothing but the texts is given. The last line makes the network small, for this page;
# leave it out for your own texts.

from deepclust import make_text_clusterer

pipe = make_text_clusterer(random_state=0)
pipe.set_params(encode__rnn_units=16, encode__lstm_units=16, encode__embedding_dim=16)
labels = pipe.fit_predict(texts)

# %%
# One row a cluster: its size, name, keywords and a typical ticket.

from deepclust.inspection import cluster_table

table = cluster_table(texts, pipe)
print(table)

# %%
# One point a ticket. Gray points, if there are any, are noise: tickets in no dense
# region.

from deepclust.plotting import plot_map

embeddings = pipe[:-1].transform(texts)
_ = plot_map(embeddings, pipe)

# %%
# New tickets
# -----------
# ``known_words`` is the share of the words that the model has seen. A ticket of unknown
# words is noise, not a guess.

from deepclust.inspection import prediction_table

new = [
    "the courier never came with my order",
    "please refund the second payment",
    "do you sell gift vouchers?",
]
prediction_table(pipe, new)[["cluster", "name", "known_words", "membership"]]

# %%
# Next: :doc:`names, merges and splits </guide/editing>`, where a topic is in two
# clusters, :doc:`a report to share </guide/report>`, :doc:`plot_production`.
