"""
Titles in German: another language
==================================

``language`` selects tokens and stop words. A wrong one is noticed at ``fit``.
"""

# %%
# The texts
# ---------
# 600 made-up titles. The same works for the other languages of ``TextCleaner``.

import random
import re

PATTERNS = [
    "{Der neue Trainer|Die Mannschaft|Der Torwart} {verliert|gewinnt} das "
    "{Spiel|Finale|Derby} in der {Liga|Meisterschaft} {nach einem Elfmeter|zu Hause}",
    "{Die Regierung|Der Kanzler|Das Parlament} streitet über {das Gesetz|den Haushalt} "
    "und die {Wahl|Koalition|Steuer} {mit der Opposition|im Bundestag}",
    "{Rezept|Kochen}: {Kuchen|Suppe|Auflauf} mit {Kartoffeln|Äpfeln|Zwiebeln} und "
    "{Butter|Sahne} {aus dem Ofen|für die ganze Familie}",
    "{Zug|Bahn|Straßenbahn} {verspätet|fällt aus}: {Fahrgäste|Pendler} warten am "
    "{Bahnhof|Bahnsteig} wegen {einer Baustelle|dem Streik}",
]
rng = random.Random(0)
titles = [
    re.sub("{(.*?)}", lambda m: rng.choice(m[1].split("|")), pattern)
    for pattern in PATTERNS
    for _ in range(150)
]
print(*titles[::150], sep="\n")

# %%
# The wrong language
# ------------------
# The default is English. The cleaner looks at scripts and stop words, and warns.

import warnings

from deepclust import TextCleaner

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    TextCleaner(language="en").fit(titles)
print(*(warning.message for warning in caught))

# %%
# The right one
# -------------
# The network is small, for this page.

from deepclust import make_text_clusterer
from deepclust.inspection import cluster_table

pipe = make_text_clusterer(language="de", random_state=0)
pipe.set_params(encode__rnn_units=16, encode__lstm_units=16, encode__embedding_dim=16)
labels = pipe.fit_predict(titles)
cleaned = pipe["clean"].transform(titles)
table = cluster_table(titles, pipe)
print(table)

# %%
# Words before and after cleaning: the stop words are gone.

from deepclust.plotting import plot_map, plot_word_frequencies

_ = plot_word_frequencies(titles, cleaned=cleaned)

# %%
_ = plot_map(pipe[:-1].transform(titles), pipe)

# %%
# What other languages need, as Chinese and Japanese: :doc:`/guide/languages`.
