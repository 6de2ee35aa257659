"""What a user names, before it is built: a text, a catalogue entry or a model, and what it is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from convcalc.core.operator import Shape, as_shape, spell


@dataclass(frozen=True, kw_only=True)
class Source:
    """A network by what was written.

    Args:
        text: a text of the language, a catalogue entry, or `package.module:attribute(arguments)`.
        inputs: the inputs as texts ("3x224x224"); none for the text's own default.
        norm: a normalisation after every convolution of a text ("bn").
        bias: whether every convolution of a text has a bias.
        settings: parameters for a catalogue entry, by name.
        any_input: whether an input may make another network of a catalogue entry.
    """

    text: str
    inputs: tuple[str, ...] = ()
    norm: str = ""
    bias: bool = False
    settings: tuple[tuple[str, Any], ...] = ()
    any_input: bool = False

    @property
    def fingerprint(self) -> str:
        """A short hash that changes when what is written does, and stays when fields are added to this class."""
        import hashlib  # for locks only: starting up counts
        import json

        written = {field.name: getattr(self, field.name) for field in fields(self)}
        named = {name: value for name, value in written.items() if value not in ("", (), False)}
        return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]


def as_inputs(given: Shape | str | Sequence[Shape | str] | None) -> tuple[str, ...]:
    """Inputs as texts, from a shape, a text, or a list of them; none for None. Raises TypeError for anything else.

    >>> as_inputs((3, 224, 224)), as_inputs(["3x224x224", "128:int64"])
    (('3x224x224',), ('3x224x224', '128:int64'))
    """
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    if isinstance(given, list | tuple) and any(isinstance(item, str | Iterable) for item in given):
        return tuple(item if isinstance(item, str) else spell(as_shape(item)) for item in given)
    return (spell(as_shape(given)),)
