"""Grid search over the parameters of every step, with and without labels.

    python examples/pipeline_and_grid_search.py

`make_text_clusterer` returns a scikit-learn Pipeline: a parameter of a step is
`step__parameter`.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd
from sklearn.model_selection import GridSearchCV, KFold

from deepclust import make_text_clusterer
from deepclust.datasets import load_docstrings

GRID = {
    "clean__remove_stop_words": [True, False],
    "vectorize__min_df": [2],
    "encode__embedding_dim": [16, 32],
    "cluster__min_samples": [5, 10],
}


def search(pipe, texts, y=None, grid=GRID, n_jobs=2):
    """Return the fitted search; without `y` it maximizes the label-free silhouette."""
    folds = KFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(pipe, grid, cv=folds, n_jobs=n_jobs, error_score="raise")
    return search.fit(texts, y)


def main(n_texts: int = 1_500, grid=GRID, n_jobs: int = 2, **parameters):
    """Search `grid` twice on `n_texts` docstrings; `parameters` are set before."""
    corpus = load_docstrings()
    rows = np.linspace(0, len(corpus.data) - 1, n_texts).astype(int)
    texts = np.array([corpus.data[row] for row in rows], dtype=object)
    packages = corpus.target[rows]
    pipe = make_text_clusterer(random_state=0).set_params(**parameters)

    # Without labels `pipe.score(texts)` is the noise-aware silhouette.
    unsupervised = search(pipe, texts, grid=grid, n_jobs=n_jobs)
    print("without labels:", unsupervised.best_params_)

    # With labels the network learns from them as well, and the score is the adjusted
    # mutual information with those of the held-out texts.
    supervised = search(pipe, texts, packages, grid=grid, n_jobs=n_jobs)
    print("with labels:", supervised.best_params_)

    columns = ["params", "mean_test_score", "std_test_score", "mean_fit_time"]
    table = pd.DataFrame(unsupervised.cv_results_)[columns]
    print(table.to_string(index=False, max_colwidth=100))
    return unsupervised, supervised


if __name__ == "__main__":
    main()
