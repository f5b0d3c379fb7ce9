"""
Survey answers: topics you know beforehand
==========================================

Some topics of a survey are known: seed words name them. Clusters are then counted by
group.
"""

# %%
# The texts
# ---------
# 600 made-up answers to "What should we improve?", with the department of each.

import random
import re

PATTERNS = {
    "Pay and benefits": "{The salary|My pay|The bonus} is {too low|below the market}, "
    "{a raise|a fair bonus|a pension plan} would {help|keep people}",
    "Working hours": "{Shifts|Hours} are {too long|planned late}, I want "
    "{flexible|fewer} {shifts|working hours} and {free weekends|less overtime}",
    "Managers": "My {manager|supervisor} {never listens|gives no feedback}, "
    "{leadership|management} should {explain decisions|praise good work}",
    "Tools": "The {laptop|computer|software} is {slow|old}, {screens|licenses|updates} "
    "are {missing|broken} and {support|IT} takes {days|weeks}",
}
rng = random.Random(0)
answers, departments = [], []
for number in range(600):
    department = ("Sales", "Store", "Office")[number % 3]
    weights = {"Sales": (4, 2, 3, 1), "Store": (2, 6, 2, 1), "Office": (2, 1, 3, 5)}
    pattern = rng.choices([*PATTERNS.values()], weights[department])[0]
    text = re.sub("{(.*?)}", lambda m: rng.choice(m[1].split("|")), pattern)
    answers.append(text)
    departments.append(department)

# %%
# Seed words
# ----------
# Two topics are known, the others are found. ``n_clusters`` says about how many there
# should be. The network is small, for this page.

from deepclust import make_text_clusterer

pipe = make_text_clusterer(
    seed_words={"Pay": ["salary", "pay", "bonus"], "Hours": ["shifts", "overtime"]},
    n_clusters=4,
    noise="nearest",
    random_state=0,
)
pipe.set_params(encode__rnn_units=16, encode__lstm_units=16, encode__embedding_dim=16)
labels = pipe.fit_predict(answers)

# %%
# A cluster with the seeded answers of a topic has its name, the others are named by
# their keywords.

names = pipe["cluster"].cluster_names_
print(names)

# %%
# ``rename`` gives names of your own; they stay with the model.

from deepclust.clustering import rename
from deepclust.inspection import cluster_table

managers, tools = pipe.predict(["My manager never listens", "The laptop is slow"])
names = rename(pipe, {managers: "Managers", tools: "Tools"})
cleaned = pipe["clean"].transform(answers)
print(cluster_table(answers, labels, cleaned=cleaned, names=names))

# %%
# By department
# -------------
# Labels are an array, so that pandas does the rest.

import pandas as pd

topics = pd.Series(labels, name="topic").map(names)
shares = pd.crosstab(topics, pd.Series(departments, name="department"), normalize=1)
shares.round(2)

# %%
ax = shares.T.plot.barh(stacked=True, figsize=(8, 3))
ax.set(xlabel="share of the answers", ylabel="")
_ = ax.legend(bbox_to_anchor=(1, 1))
ax.figure.tight_layout()

# %%
# Few answers give shares that vary by chance: of 200 answers a share of 30 % is
# uncertain by about ±6 percentage points.
