"""Every error that convcalc raises on purpose.

Nothing here imports anything else of convcalc. A subclass says what kind of request failed; the
command line turns each into one message and exit code 2.
"""

from __future__ import annotations

from collections.abc import Iterable


class ConvcalcError(Exception):
    """The request cannot be answered: `message` says why, `hint` says what to do about it."""

    kind = "error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def at(self) -> int | str | None:
        """Where it went wrong: an offset in a text, or the name of a layer."""
        return None

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class UsageError(ConvcalcError):
    """Options that contradict each other, or a value that no option takes."""

    kind = "usage"


class SpecError(ConvcalcError):
    """A text is not in the language: `text` with a caret under offset `offset` shows where."""

    kind = "spec"

    def __init__(self, message: str, text: str, offset: int, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.text = text
        self.offset = offset

    @property
    def at(self) -> int:
        return self.offset

    def __str__(self) -> str:
        lines = [self.message, *_caret(self.text, self.offset)]
        return "\n".join([*lines, f"  hint: {self.hint}"] if self.hint else lines)


class ShapeError(ConvcalcError):
    """A layer does not fit its input: `layer` names it; `text` and `offset` where a text is at hand."""

    kind = "shape"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.layer = ""
        self.text = ""
        self.offset = 0

    @property
    def at(self) -> str | None:
        return self.layer or None

    def __str__(self) -> str:
        lines = [f"layer {self.layer}: {self.message}" if self.layer else self.message]
        if self.text:
            lines += _caret(self.text, self.offset)
        return "\n".join([*lines, f"  hint: {self.hint}"] if self.hint else lines)


class LimitError(ConvcalcError):
    """The request is understood, and larger than convcalc computes."""

    kind = "limit"


class UnknownBlockError(ConvcalcError):
    """No catalogue entry, or no parameter of an entry, has that name."""

    kind = "block"


class ConfirmError(ConvcalcError):
    """The proof cannot be made: torch is missing, the device is, or the module does not fit memory."""

    kind = "confirm"


class ModelError(ConvcalcError):
    """A PyTorch model cannot be loaded or run: `place` is the file and line of its own code, where known."""

    kind = "model"

    def __init__(self, message: str, *, hint: str = "", place: str = "") -> None:
        super().__init__(message, hint=hint)
        self.place = place

    @property
    def at(self) -> str | None:
        return self.place or None


def suggest(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A hint that offers the nearest of the `known` names, or says `otherwise` where none is near.

    >>> suggest("resnet5", ["resnet50", "vgg11"])
    'did you mean resnet50?'
    """
    from difflib import get_close_matches  # for mistakes only: starting up counts

    near = get_close_matches(name, list(known), 3, 0.6)
    return f"did you mean {' or '.join(near)}?" if near else otherwise


def _caret(text: str, offset: int, width: int = 72) -> list[str]:
    """Show the line of `text` that holds `offset`, cut to `width`, with a caret under it."""
    start = text.rfind("\n", 0, offset) + 1
    stop = text.find("\n", offset)
    line = text[start : len(text) if stop < 0 else stop]
    column = offset - start
    left = max(0, column - width // 2)
    cut = "".join(c if c.isprintable() else "?" for c in line[left : left + width])
    return [f"  {cut}", "  " + " " * (column - left) + "^"]
