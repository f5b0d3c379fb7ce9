import numpy as np
import pytest
from pictures import matrix_of

from deepclust.plotting import plot_topics_over_time

YEARLY = {"interval": "year"}


@pytest.mark.parametrize("kind", ["datetime", "iso", "year"])
def test_topics_over_time(kind):
    years = np.array([2001, 2001, 2003, 2003])
    dates = {
        "datetime": np.array([f"{y}-06-01" for y in years], "datetime64[s]"),
        "iso": [f"{y}-06-01T12:00:00+02:00" for y in years],
        "year": years,
    }[kind]

    ax = plot_topics_over_time(
        [0, 1, 0, -1], dates, names=["x", "y"], **({} if kind == "year" else YEARLY)
    )

    shares = {line.get_label(): line.get_ydata().tolist() for line in ax.lines}
    assert shares == {"x": [0.5, 0.0, 0.5], "y": [0.5, 0.0, 0.0]}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["2001", "2002", "2003"]


def test_many_topics_over_time_become_a_matrix():
    labels = np.repeat(np.arange(80), 30)
    days = np.tile(np.arange(30), 80)
    dates = np.datetime64("2024-01-01") + days.astype("timedelta64[D]")

    ax = plot_topics_over_time(labels, dates)

    assert matrix_of(ax).shape == (80, 30)
    assert matrix_of(ax).max() == 1
    assert ax.get_xticklabels()[0].get_text() == "2024-01-01"


def test_texts_without_a_date_are_counted():
    ax = plot_topics_over_time([0, 0, 1], ["2024-01-01", None, "2024-01-02"])

    assert ax.get_title() == "2 texts over time; 1 without a date"
    assert ax.lines[0].get_ydata().tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="no date"):
        plot_topics_over_time([0], [None])
    with pytest.raises(ValueError, match="interval must be one of"):
        plot_topics_over_time([0], [2000], interval="hour")
    with pytest.raises(ValueError, match="1 labels and 2 dates"):
        plot_topics_over_time([0], [2000, 2001])


def test_strings_are_read_by_one_format():
    ax = plot_topics_over_time([0, 1], ["07.03.2024", "08.03.2024"])

    assert [t.get_text() for t in ax.get_xticklabels()] == ["2024-03-07", "2024-03-08"]
    with pytest.raises(ValueError, match="no cell decides it") as raised:
        plot_topics_over_time([0, 1], ["03/07/2024", "04/07/2024"])
    assert "pandas.to_datetime(dates, format=...)" in str(raised.value)
    with pytest.raises(ValueError, match="such as 2024, which are no dates"):
        plot_topics_over_time([0, 1], ["2024", "2025"])


def test_years_in_an_array_of_objects_are_numbers():
    ax = plot_topics_over_time([0, 1], np.array([2023, 2024], dtype=object))

    assert [t.get_text() for t in ax.get_xticklabels()] == ["2023", "2024"]
