"""A small file is read as it stands, or refused in one sentence that names file and field."""

import json
import os
from typing import NotRequired

import pytest
from typing_extensions import TypedDict

from jaxcxr.errors import InputError
from jaxcxr.provenance import Provenance, parsed_origin
from jaxcxr.run.run_files import read_environment, read_start, read_statistics
from jaxcxr.small_files import MOST_BYTES, Count, Finite, Positive, read_json


class Shape(TypedDict):
    name: str
    count: Count
    share: NotRequired[Finite | None]
    std: NotRequired[list[Positive]]


WHOLE = {"name": "a", "count": 3, "share": 0.5, "std": [1, 2.0]}


def _read(path, **options):
    return read_json(path, Shape, "a thing", "make it again", **options)


def test_what_stands_in_it_comes_out_unchanged(tmp_path):
    path = tmp_path / "a.json"
    for value in (WHOLE, WHOLE | {"later": {"x": [None]}}, {"name": "ü", "count": 0}):
        path.write_text(json.dumps(value), encoding="utf-8")
        assert _read(path) == value


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": 3}, "name is 3, which should be a valid string"),
        ({"name": None}, "name is null, which should be a valid string"),
        ({"count": "3"}, "count is '3', which should be a valid integer"),
        ({"count": True}, "count is true, which should be a valid integer"),
        ({"count": 2.5}, "count is 2.5, which should be a valid integer"),
        ({"count": -1}, "count is -1, which should be greater than or equal to 0"),
        ({"count": 10**300}, "which should be less than"),
        ({"share": -1e308}, r"share is -1e\+308, which should be greater than or equal to -10{30}"),
        ({"std": [1e31]}, r"std\.0 is 1e\+31, which should be less than or equal to 10{30}"),
        ({"share": {}}, "share is an object, which should be a valid number"),
        ({"std": [1, 0]}, r"std\.1 is 0, which should be greater than 0"),
        ({"std": 1}, "std is 1, which should be a valid list"),
    ],
)
def test_a_field_that_is_not_what_it_should_be_is_named(tmp_path, change, sentence):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WHOLE | change))
    with pytest.raises(InputError, match=rf"^\S+a\.json: damaged \(.*{sentence}.*make it again$"):
        _read(path)


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"null", b"3", b'"a"', b"{", b"{}", b"\xff\xfe{}", b"\x00" * 9, b"{}{}"),
        *(b"[" * 100_000, b'{"name":' * 100_000, b'{"name": "a", "count": NaN}'),
        *(b'{"name": "a", "count": 1, "share": Infinity}', b'{"name": "\\ud800", "count": 1}'),
        b'{"name": "a", "count": 1, "share": 1e999}',
        b'{"name": "a", "count": ' + b"9" * 10_000 + b"}",
    ],
)
def test_what_is_no_such_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^\S+a\.json: damaged \(.+\); make it again$") as error:
        _read(path)
    assert len(str(error.value)) < 400 + len(str(path))


def test_a_folder_nothing_and_a_huge_file(tmp_path):
    (tmp_path / "a.json").mkdir()
    with pytest.raises(InputError, match=r"a\.json: Is a directory; give a file"):
        _read(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"b\.json: no such file; make it again"):
        _read(tmp_path / "b.json")
    with (tmp_path / "c.json").open("wb") as file:
        os.truncate(file.fileno(), MOST_BYTES + 1)
    with pytest.raises(InputError, match="too large for a thing"):
        _read(tmp_path / "c.json")


def test_a_file_cannot_write_to_the_terminal(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WHOLE | {"std": ["\x1b[2J\n[/red]" * 50]}))
    with pytest.raises(InputError) as error:
        _read(path)
    assert str(error.value).isprintable() and len(str(error.value)) < 300 + len(str(path))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"labels": "A"}, "labels"),
        ({"labels": [1]}, "labels.0"),
        ({"learnt": {"images": "many"}}, "learnt.images"),
        ({"initialized_from": {"provenance": {"pretrained_on": 3}}}, "initialized_from.provenance"),
        ({"config": []}, "config"),
    ],
)
def test_an_origin_names_the_field(tmp_path, change, field):
    for value in ({}, dict.fromkeys(("labels", "recipe", "initialized_from"))):
        assert parsed_origin({b"jaxcxr": json.dumps(value).encode()}, tmp_path) == value
    with pytest.raises(InputError, match=rf"its metadata: damaged \({field}"):
        parsed_origin({b"jaxcxr": json.dumps(change).encode()}, tmp_path / "p.parquet")
    assert parsed_origin({}, tmp_path) == {}


def test_origins_as_deep_as_trainings_can_go(tmp_path):
    value = {}
    for _ in range(50):
        value = {"initialized_from": {"provenance": value}}
    assert parsed_origin({b"jaxcxr": json.dumps(value).encode()}, tmp_path) == value
    assert "initialized_from" in Provenance.__annotations__


def test_files_of_a_run_may_be_absent_but_not_empty(tmp_path):
    assert (read_start(tmp_path), read_environment(tmp_path)) == (None, {})
    for name, read in (
        ("start.json", read_start),
        ("environment.json", read_environment),
        ("statistics.json", read_statistics),
    ):
        (tmp_path / name).touch()
        with pytest.raises(InputError, match=rf"{name}: damaged \(EOF.*put the run's own back"):
            read(tmp_path)
