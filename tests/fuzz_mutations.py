"""Ways to damage a file, from single bits to what a hostile hand writes."""

import json
import struct
import zlib

import numpy as np

WORDS = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e308, 2**31, 2**53, 2**63, 2**64, 10**400),
    *("", "a", "small", "NaN", "../../etc/passwd", "\u0000", "[/red]", "žluť", "x" * 5000),
    *([], {}, [1], [[]], {"": 0}, ["a", "a"], [None], [1, 2], {"a": {"b": []}}),
)
TEXTS = (
    *(b"", b"null", b"[]", b"{}", b"0", b'"a"', b"NaN", b"[Infinity]", b"1e999", b"9" * 6000),
    *(b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"{}{}", b'{"a":1,}'),
    *(b'"\\ud800"', b"\x00" * 500, b"PK\x03\x04" + bytes(50), b"\x89PNG\r\n\x1a\n", b"GIF89a"),
    *(b"\x80\x02.", b"\x1f\x8b" + bytes(20), b"PAR1PAR1", b"<html>", b"a,b\n1,2\n", b"\x93NUMPY"),
)


def truncate(content, rng):
    return content[: rng.integers(0, max(len(content), 1))]


def flip(content, rng):
    damaged = bytearray(content or b"\0")
    for place in rng.integers(0, len(damaged), rng.integers(1, 9)):
        damaged[place] ^= int(rng.integers(1, 256))
    return bytes(damaged)


def flip_early(content, rng):
    """Headers and footers decide the most."""
    ends = min(len(content), 512)
    if rng.random() < 0.5:
        return flip(content[:ends], rng) + content[ends:]
    return content[: len(content) - ends] + flip(content[len(content) - ends :], rng)


def cut_out(content, rng):
    place = int(rng.integers(0, max(len(content), 1)))
    return content[:place] + content[place + int(rng.integers(1, 200)) :]


def blank(content, rng):
    place, length = int(rng.integers(0, max(len(content), 1))), int(rng.integers(16, 512))
    return content[:place] + bytes(len(content[place : place + length])) + content[place + length :]


def insert(content, rng):
    place = int(rng.integers(0, max(len(content), 1)))
    return content[:place] + rng.bytes(int(rng.integers(1, 50))) + content[place:]


def repeat(content, rng):
    place, length = int(rng.integers(0, max(len(content), 1))), int(rng.integers(1, 300))
    return content[: place + length] + content[place:]


def large_number(content, rng):
    """A size, an offset or a count that is out of all proportion."""
    place = int(rng.integers(0, max(len(content) - 8, 1)))
    value = int(rng.choice([2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**16, 10**6]))
    width, letter = ((4, "I"), (8, "Q"))[int(rng.integers(2))]
    packed = struct.pack(f"{'<>'[int(rng.integers(2))]}{letter}", value % 2 ** (8 * width))
    return content[:place] + packed + content[place + width :]


def other(content, rng):
    return TEXTS[int(rng.integers(len(TEXTS)))]


DAMAGES = (truncate, flip, flip_early, cut_out, blank, insert, repeat, large_number, other)


def damaged(content, rng):
    """Damage bytes in one way or two."""
    for _ in range(int(rng.integers(1, 3))):
        content = DAMAGES[int(rng.integers(len(DAMAGES)))](content, rng)
    return content


def inside_png(content, rng):
    """Damage what is inside the chunks of a PNG, under checksums that are right."""
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind = content[place + 4 : place + 8]
        chunks[kind] = chunks.get(kind, b"") + content[place + 8 : place + 8 + length]
        place += 12 + length
    made = content[:8]
    for kind, data in chunks.items():
        if kind == b"IDAT" and rng.random() < 0.7:
            data = zlib.compress(flip(zlib.decompress(data), rng))
        elif data and rng.random() < 0.3:
            data = flip(data, rng)
        made += struct.pack(">I", len(data)) + kind + data
        made += struct.pack(">I", zlib.crc32(kind + data))
    return made


def word(rng):
    """A value where another belongs."""
    return WORDS[int(rng.integers(len(WORDS)))]


def changed(value, rng):
    """Put another value somewhere into plain data, or take one out."""
    places = list(_places(value))
    if not places:
        return word(rng)
    value = json.loads(json.dumps(value))
    path = places[int(rng.integers(len(places)))]
    inside = value
    for key in path[:-1]:
        inside = inside[key]
    if rng.random() < 0.25:
        del inside[path[-1]]
    else:
        inside[path[-1]] = word(rng)
    return value


def _places(value, path=()):
    keys = value if isinstance(value, dict) else range(len(value)) if _is_list(value) else ()
    for key in keys:
        yield (*path, key)
        yield from _places(value[key], (*path, key))


def _is_list(value):
    return isinstance(value, list)


def hostile_json(value, rng):
    """JSON of a value, changed in its structure or as text; NaN and the like among it."""
    if rng.random() < 0.3:
        return damaged(json.dumps(value).encode(), rng)
    for _ in range(int(rng.integers(1, 4))):
        value = changed(value, rng)
    text = json.dumps(value, ensure_ascii=bool(rng.integers(2)))
    if rng.random() < 0.1:
        text = text.replace("0", ("NaN", "1e999", "-Infinity")[int(rng.integers(3))], 1)
    return text.encode("utf-8", "surrogatepass")


def generator(kind, number):
    """The same draws for an input in every run."""
    return np.random.default_rng([sum(kind.encode()), number])
