"""Names of files after texts that come from outside."""

from jaxcxr.use.safe_names import safe_name


def test_no_name_from_outside_leaves_the_folder(tmp_path):
    texts = ["../../etc/passwd", "/etc/passwd", "..", ".", "", "a/b", "a_b", "A_b", "a\0b", "a\nb"]
    texts += [
        "C:\\x",
        "-rf",
        "x" * 5000,
        "\u202egnp.exe",
        "\udcff",
        "~root",
        "x/" * 200,
        "é",
        "日本",
    ]
    names = [safe_name(one) for one in texts]
    assert len({name.lower() for name in names}) == len(texts)
    for name in names:
        assert name.isascii() and name.isprintable() and len(name) < 100
        assert not set(name) & set("/\\: ~\0\n") and name[0] not in ".-"
        (tmp_path / name).mkdir()
        assert (tmp_path / name).resolve().parent == tmp_path.resolve()
