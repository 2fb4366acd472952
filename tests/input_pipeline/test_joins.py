"""A join finds partners under every spelling, counts both sides, and refuses what does not fit."""

import pandas as pd
import pytest

from input_pipeline.tables import joins
from jaxcxr.errors import InputError


def join(left, right, **options):
    sides = (
        joins.Side(pd.Series(cells, dtype="str"), name)
        for cells, name in zip((left, right), ("left.csv", "right.csv"), strict=True)
    )
    return joins.join(*sides, "studies and labels", **options)


def test_partners_are_found_under_every_spelling():
    joined = join(["50000100", "s02", "S1"], ["S01", "50000100.0", " s2"])
    assert joined.place.tolist() == [1, 2, 0]
    taken = joined.take(pd.Series([1, 2, 3]), -1, pd.RangeIndex(3))
    assert taken.tolist() == [2, 3, 1]


def test_both_sides_are_counted():
    joined = join(["a", "a", "b", "x"], ["a", "b", "c", "d"], share=None)
    assert joined.counts() == {
        "name": "studies and labels",
        **{"left": 3, "right": 4, "left_alone": 1, "right_alone": 2},
    }
    assert joined.take(pd.Series(list("AB12")), "", pd.RangeIndex(4)).tolist() == [
        "A",
        "A",
        "B",
        "",
    ]


@pytest.mark.parametrize(
    ("left", "right", "fits"),
    [
        (range(100), range(100), True),
        (range(100), range(95), True),  # 5 % have no label row
        (range(100), range(94), False),
        (range(100), range(5, 105), True),
        (range(100), range(6, 106), False),
        (range(3), range(1), True),  # two rows of a small table
        (range(3), range(2, 4), False),  # and the other side has strangers
        (range(2), range(5, 9), False),
    ],
)
def test_too_many_without_a_partner_are_refused(left, right, fits):
    cells = [[f"s{n}" for n in side] for side in (left, right)]
    if fits:
        join(*cells)
    else:
        with pytest.raises(InputError, match=r"in left\.csv are not in right\.csv, the first in"):
            join(*cells)


def test_an_identifier_that_answers_twice_is_refused():
    with pytest.raises(InputError, match=r"right\.csv row 4: 'A1' stands there twice"):
        join(["a1"], ["a01", "b", "A1"])


def test_another_patient_on_the_other_side_is_always_refused():
    joined = join(["s1", "s2", "s3"], ["s3", "s2", "s1"])
    left, images = pd.Series(["7", "P8", "9"]), pd.Series(["a.png", "b.png", "c.png"])
    joins.refuse_others(joined, left, pd.Series(["", "p8", "007"]), images, "subject")
    with pytest.raises(InputError, match=r"another subject there than here for image 'c\.png'"):
        joins.refuse_others(joined, left, pd.Series(["8", "p8", "7"]), images, "subject")
