"""Choose the model's parameters in what a training script saved, or say that there is a choice.

Scripts nest the parameters, and keep a moving average of them (EMA), a teacher or a student beside
them. Which of those a user means cannot be known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from convert.pickle_reader import View
from jaxcxr.errors import InputError

# Where training scripts nest the model's parameters.
NESTS = ("model", "state_dict", "teacher", "model_state_dict", "module", "net")
TOP = "top"  # what the place that is in none of them is called
DEEPEST = 4


def choose(path: Path, state: Any, wanted: str | None) -> dict[str, View]:
    """The parameters of the model, by name.

    Args:
      path: the file, for messages.
      state: what its pickle built.
      wanted: where the parameters are, where the user says it: keys with dots between.

    Raises:
      InputError: there are none, or several sets of them, or none where the user says.
    """
    found = _sets(state)
    if wanted in found:
        return found[wanted]
    places = {name: [] if name == TOP else name.split(".") for name in found}
    named = [name for name, place in places.items() if set(place) <= set(NESTS)]
    # Of nests inside one another the outermost; of several beside one another, by their order.
    named.sort(key=lambda name: [NESTS.index(part) for part in places[name]])
    if not named:
        others = f"; there are {', '.join(found)}: choose with --state-dict" if found else ""
        raise InputError(
            f"{path}: no state_dict in it (looked at the top and under {', '.join(NESTS)})"
            f"{others}; save the model's state_dict()"
        )
    chosen = found[named[0]]
    if wanted is not None:
        return under_prefix(path, chosen, wanted)
    rivals = [name for name in found if _is_rival(found[name], chosen)]
    if rivals:
        shown = ", ".join(f"{n} ({len(found[n])} tensors)" for n in (named[0], *rivals))
        raise InputError(
            f"{path}: several sets of weights, such as an average (EMA) beside the raw ones: "
            f"{shown}; choose one with --state-dict NAME"
        )
    return chosen


def under_prefix(path: Path, names: Mapping[str, Any], wanted: str) -> dict[str, Any]:
    """Those of the tensors whose names begin with a word, without it.

    Raises:
      InputError: there are none.
    """
    chosen = {
        name[len(wanted) + 1 :]: value
        for name, value in names.items()
        if name.startswith((f"{wanted}.", f"{wanted}/"))
    }
    if not chosen:
        raise InputError(f"{path}: --state-dict {wanted}: no set of weights in it is called that")
    return chosen


def _sets(
    state: Any, name: str = "", depth: int = 0, seen: set[int] | None = None
) -> dict[str, dict[str, View]]:
    """Every dictionary or list of tensors, by where it is; those of an optimiser left out.

    What stands in several places is looked at in the first: a few dictionaries that hold each
    other many times would else take for ever.
    """
    seen = set() if seen is None else seen
    if id(state) in seen:
        return {}
    seen.add(id(state))
    if isinstance(state, list | tuple):
        state = {str(n): value for n, value in enumerate(state) if isinstance(value, View)}
    if not isinstance(state, dict) or depth > DEEPEST:
        return {}
    views = {k: v for k, v in state.items() if isinstance(k, str) and isinstance(v, View)}
    found = {name or TOP: views} if views else {}
    for key, value in state.items():
        if isinstance(key, str) and not key.startswith("optim"):
            found |= _sets(value, f"{name}.{key}" if name else key, depth + 1, seen)
    return found


def _is_rival(other: Mapping[str, View], chosen: Mapping[str, View]) -> bool:
    """Whether most of the shapes come again, with numbers of their own."""
    if sorted(map(str, other.values())) == sorted(map(str, chosen.values())):
        return False  # another name for the same numbers
    shapes = Counter(view.shape for view in chosen.values())
    shared = shapes & Counter(view.shape for view in other.values())
    return 2 * shared.total() >= shapes.total()
