"""Mixtures fitted by annealed EM."""

from sklearn.metrics import adjusted_rand_score

from deepclust.pseudo_labels._mixture import Mixture


def test_em_corrects_a_wrong_start(four_topics, four_topics_mixed_up):
    """A third of the documents start in a wrong component."""
    features, counts, truth = four_topics
    mixture = Mixture.fit(features, counts, four_topics_mixed_up, 4)
    assert adjusted_rand_score(truth, four_topics_mixed_up) < 0.6
    assert adjusted_rand_score(truth, mixture.predict(features, counts)) > 0.95


def test_log_likelihood_is_higher_for_the_true_topics(four_topics):
    features, counts, truth = four_topics
    found = Mixture.fit(features, counts, truth, 4)
    joined = Mixture.fit(features, counts, truth // 2, 4)
    assert found.log_likelihood > joined.log_likelihood
