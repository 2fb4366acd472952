"""An image is named relative to what was asked for, and never by a place of the machine."""

import pytest

from jaxcxr.errors import InputError
from jaxcxr.inference.image_names import named_images


@pytest.fixture
def folder(tmp_path):
    for name in ("a/1.png", "a/2.JPG", "b/1.png", "b/deep/3.dcm", "b/notes.txt"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "images/b/IM0001").write_bytes(b"\0" * 128 + b"DICM")
    return tmp_path / "images"


def _names(*asked):
    return list(named_images(asked)[0])


def test_of_a_folder_the_path_within(folder):
    found, passed_over = named_images([folder])
    assert list(found) == ["a/1.png", "a/2.JPG", "b/1.png", "b/IM0001", "b/deep/3.dcm"]
    assert found["b/deep/3.dcm"] == folder / "b/deep/3.dcm"
    assert dict(passed_over) == {".txt": 1}


def test_of_a_pattern_the_path_below_its_fixed_part(folder):
    assert _names(folder / "*/1.png") == ["a/1.png", "b/1.png"]
    assert _names(folder / "b/**/*.dcm") == ["deep/3.dcm"]
    with pytest.raises(InputError, match="no file is named so"):
        _names(folder / "*.tif")


def test_of_a_list_what_it_says_or_the_path_below_what_holds_all(folder):
    listed = folder.parent / "list.txt"
    listed.write_text("images/b/1.png\n\nimages/a/1.png\r\n", encoding="utf-8-sig")
    assert _names(listed) == ["images/b/1.png", "images/a/1.png"]
    listed.write_text(f"{folder}/b/1.png\n{folder}/a/1.png\n")
    assert _names(listed) == ["b/1.png", "a/1.png"]
    climbing = folder / "b" / "up.txt"
    climbing.write_text("../a/1.png\n1.png\n")
    assert _names(climbing) == ["a/1.png", "b/1.png"]
    listed.write_text("images/none.png\n")
    with pytest.raises(InputError, match=r"list\.txt: images/none\.png: no such file"):
        _names(listed)


def test_of_a_file_its_name_and_one_file_once(folder):
    assert _names(folder / "a/1.png", folder / "a") == ["1.png", "2.JPG"]


def test_two_images_of_one_name_are_refused(folder):
    with pytest.raises(InputError, match=r"would both be named 1\.png; give the folder above"):
        _names(folder / "a", folder / "b")
