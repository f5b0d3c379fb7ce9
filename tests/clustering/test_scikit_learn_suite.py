"""scikit-learn's own tests of DBSCAN, from the installed version, on this one.

A shim gives its defaults and drops what says how to search (algorithm, leaf_size).
Exempt are only those of the tests that fix the numbering of the clusters, which here
goes by size.
"""

import importlib.util
import warnings

import pytest

from deepclust import DBSCAN

pytestmark = pytest.mark.filterwarnings(
    "ignore::deepclust.exceptions.ClusteringWarning"
)
FIX_THE_NUMBERING = {"test_dbscan_core_samples_toy"}


class Shim(DBSCAN):
    def __init__(
        self,
        eps=0.5,
        *,
        min_samples=5,
        metric="euclidean",
        metric_params=None,
        algorithm="auto",
        leaf_size=30,
        p=None,
        n_jobs=None,
    ):
        super().__init__(
            eps,
            min_samples=min_samples,
            metric=metric,
            metric_params=metric_params,
            n_jobs=n_jobs,
        )
        self.algorithm, self.leaf_size, self.p = algorithm, leaf_size, p
        if p is not None and metric in ("euclidean", "minkowski"):
            if "p" in (metric_params or {}):
                text = "Parameter p is found in metric_params. The corresponding "
                text += "parameter from __init__ is ignored."
                warnings.warn(text, SyntaxWarning, stacklevel=2)
            self.metric = "minkowski"
            self.metric_params = {"p": p} | (metric_params or {})


def dbscan(X, eps=0.5, *, sample_weight=None, **parameters):
    model = Shim(eps, **parameters).fit(X, sample_weight=sample_weight)
    return model.core_sample_indices_, model.labels_


def suite():
    folder = importlib.util.find_spec("sklearn.cluster.tests")
    path = f"{folder.submodule_search_locations[0]}/test_dbscan.py"
    spec = importlib.util.spec_from_file_location("scikit_learn_test_dbscan", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.DBSCAN, module.dbscan = Shim, dbscan
    return {
        name: test
        for name, test in vars(module).items()
        if name.startswith("test_") and name not in FIX_THE_NUMBERING
    }


@pytest.fixture
def global_random_seed():
    return 42


globals().update(suite())
