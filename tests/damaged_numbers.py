"""Files that are whole and of their kind, and hold numbers that nobody would write."""

import json
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

# The first is none, then of double and of single precision; squares of all large ones are neither.
NUMBERS = (np.nan, 1e308, -1e308, 3e38, -3e38, 1e20, -1e20, 1e-42, 0.0, -1.0)


def drawn(rng, numbers=NUMBERS):
    return numbers[rng.integers(len(numbers))]


def spoilt(values, rng):
    """The array with such a number everywhere, or here and there; others than floats stay."""
    if values.dtype.kind != "f" or not values.size:
        return values
    with np.errstate(over="ignore"):
        number = np.array(drawn(rng)).astype(values.dtype)
    where = rng.random(values.shape) < rng.choice([0.05, 0.5, 1.0])
    return np.where(where, number, values)


def npz(path, rng):
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(path, **{name: spoilt(values, rng) for name, values in arrays.items()})


def safetensors(path, rng):
    """In place, so that what else the file says stays."""
    content = bytearray(path.read_bytes())
    length = struct.unpack("<Q", content[:8])[0]
    for name, one in json.loads(content[8 : 8 + length]).items():
        if name != "__metadata__" and one["dtype"] == "F32" and rng.random() < 0.5:
            first, last = (8 + length + offset for offset in one["data_offsets"])
            values = np.frombuffer(content[first:last], np.float32)
            content[first:last] = spoilt(values, rng).tobytes()
    path.write_bytes(content)


def parquet(path, rng):
    table = pq.read_table(path)
    for place, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True)):
        if pa.types.is_floating(column.type):
            values = spoilt(column.to_numpy(zero_copy_only=False), rng)
            table = table.set_column(place, name, pa.array(values, column.type))
    pq.write_table(table, path)


def json_text(path, rng):
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]

    def spoil(value):
        if isinstance(value, dict):
            return {name: spoil(of) for name, of in value.items()}
        if isinstance(value, list):
            return [spoil(one) for one in value]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or rng.random() < 0.8:
            return value
        chosen = drawn(rng, NUMBERS[1:])  # JSON has no NaN
        return chosen if isinstance(value, float) else int(chosen)

    path.write_text("".join(json.dumps(spoil(json.loads(line))) + "\n" for line in lines))


def csv_text(path, rng):
    def spoil(cell):
        plain = cell.replace(".", "", 1).isdigit()
        return str(drawn(rng)) if plain and rng.random() < 0.2 else cell

    rows = path.read_text().splitlines()
    spoilt_rows = [",".join(map(spoil, row.split(","))) for row in rows[1:]]
    path.write_text("\n".join([*rows[:1], *spoilt_rows]) + "\n")


NUMBERED = {
    ".npz": npz,
    ".safetensors": safetensors,
    ".parquet": parquet,
    ".json": json_text,
    ".jsonl": json_text,
    ".csv": csv_text,
}


def numbers(path, rng):
    """Put such numbers into a file of a kind that holds numbers; others stay as they are."""
    NUMBERED.get(path.suffix, lambda *_: None)(path, rng)
