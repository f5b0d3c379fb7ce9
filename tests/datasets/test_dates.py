import datetime

import numpy as np
import pytest

from deepclust.datasets._dates import parse_dates
from deepclust.exceptions import TextWarning


def days(values, date_format=None):
    dates, used = parse_dates(values, "a.csv: 'day'", date_format)
    return dates.astype("datetime64[D]").astype(str).tolist(), used


@pytest.mark.parametrize(
    ("values", "expected", "used"),
    [
        (
            ["07.03.2024", "", "31.12.2024"],
            ["2024-03-07", "NaT", "2024-12-31"],
            "%d.%m.%Y",
        ),
        (["07.03.2024"], ["2024-03-07"], "%d.%m.%Y"),
        (["12.31.2024", "07.03.2024"], ["2024-12-31", "2024-07-03"], "%m.%d.%Y"),
        (["3/4/2024", "13/4/2024"], ["2024-04-03", "2024-04-13"], "%d/%m/%Y"),
        (["3/4/2024", "3/14/2024"], ["2024-03-04", "2024-03-14"], "%m/%d/%Y"),
        (["5/5/2024"], ["2024-05-05"], None),
        (["2024-03-07", "2024-03-08T10:00"], ["2024-03-07", "2024-03-08"], "ISO8601"),
        (["2024/03/07"], ["2024-03-07"], None),
        (["7 March 2024"], ["2024-03-07"], "%d %B %Y"),
        ([datetime.date(2024, 3, 7), None], ["2024-03-07", "NaT"], "ISO8601"),
    ],
)
def test_one_format_for_the_whole_column(values, expected, used):
    dates, found = days(values)

    assert dates == expected
    assert used in (None, found)


@pytest.mark.parametrize("values", [["03/04/2024", "05/06/2024"], ["03-04-2024"]])
def test_an_ambiguous_format_is_an_error_that_names_both(values):
    message = (
        rf"'{values[0]}' \(row 0\) can be 04 March 2024 or 03 April 2024.*--date-format"
    )
    with pytest.raises(ValueError, match=message):
        days(values)
    sign = values[0][2]
    assert days(values, f"%d{sign}%m{sign}%Y")[0][0] == "2024-04-03"


def test_cells_of_another_format_are_counted():
    values = ["07.03.2024"] * 8 + ["31.03.2024", "2024-04-01", "soon", ""]

    with pytest.warns(TextWarning, match=r"2 of 11 cells .* row 9: '2024-04-01'"):
        dates, _ = days(values)

    assert dates[-4:] == ["2024-03-31", "NaT", "NaT", "NaT"]


@pytest.mark.parametrize("values", [[1999, 2001], ["1999", "2001"], [1999.0, 2001.0]])
def test_numbers_are_no_dates_unless_asked_for(values):
    with pytest.raises(ValueError, match=r"such as 1999.*no dates .*'%Y' for years"):
        days(values)

    with pytest.raises(ValueError, match="such as 1999"):
        days(["n/a", *values])

    assert days(values, "%Y")[0] == ["1999-01-01", "2001-01-01"]
    numbers, _ = parse_dates([*values, None], "", "number")
    np.testing.assert_array_equal(numbers, [1999, 2001, np.nan])


def test_seconds_since_1970():
    assert days(["1709769600", None], "unix")[0] == ["2024-03-07", "NaT"]


@pytest.mark.parametrize(
    ("values", "date_format", "message"),
    [
        (
            ["soon", "late"],
            None,
            "no date of the format 'ISO8601'. Its first cell",
        ),
        (["07.03.24"], None, "first cell is '07.03.24' .row 0.. Name the format"),
        (["07.03.2024"], "%Y", "no date of the format '%Y'"),
        (["07.03.2024"], "%Q", "date_format='%Q'"),
        (["", None], None, "all cells are empty"),
    ],
)
def test_no_date_at_all_is_an_error(values, date_format, message):
    with pytest.raises(ValueError, match=message):
        days(values, date_format)


def test_two_digit_years_by_their_format():
    assert days(["07.03.24"], "%d.%m.%y")[0] == ["2024-03-07"]
