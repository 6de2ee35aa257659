"""The proof as a step of a command: whether it can be made, how it is waited for, what it says."""

from __future__ import annotations

import sys
from typing import NamedTuple

from convcalc.analysis.network import Network
from convcalc.analysis.proof import Confirmation
from convcalc.cli.options import Output
from convcalc.core.errors import ConfirmError

INSTALL = "pip install 'convcalc[torch]'"

PATIENCE = 0.5
"""Seconds that a proof may take before it says what it is doing."""


class Proof(NamedTuple):
    """What a proof came to, or why there is none; both empty where nobody asked for one."""

    confirmation: Confirmation | None = None
    declined: str = ""

    @property
    def failed(self) -> bool:
        """Whether a witness disagrees."""
        return self.confirmation is not None and not self.confirmation.ok


def prove(network: Network, output: Output) -> Proof:
    """Prove a network's numbers on the real module, if that is wanted and torch is here."""
    if not output.confirm:
        return Proof()
    from importlib.util import find_spec

    if not (find_spec("torch") and find_spec("fvcore")):
        return Proof(declined=INSTALL)
    with Progress() as progress:
        try:
            _check_torch()
            return Proof(network.confirm(output.device, progress))
        except ConfirmError as error:
            return Proof(declined=error.message + (f" ({error.hint})" if error.hint else ""))


def _check_torch() -> None:
    """Raise ConfirmError where torch is installed and broken."""
    try:
        import convcalc.pytorch  # noqa: F401
    except (ImportError, OSError) as error:
        raise ConfirmError(f"torch does not load: {str(error).partition(chr(10))[0]}", hint=INSTALL) from None


class Progress:
    """A line on stderr, where that is a terminal, for what takes longer than PATIENCE; erased in the end."""

    def __enter__(self) -> Progress:
        from threading import Timer

        self.stage = "loading torch"
        self.late = False
        self.timer = Timer(PATIENCE, self._begin)
        self.timer.daemon = True
        if sys.stderr.isatty():
            self.timer.start()
        return self

    def __call__(self, stage: str) -> None:
        self.stage = stage
        if self.late:
            _rewrite_line(f"confirming: {stage} ...")

    def __exit__(self, *_: object) -> None:
        self.timer.cancel()
        if self.late:
            _rewrite_line("")

    def _begin(self) -> None:
        self.late = True
        self(self.stage)


def _rewrite_line(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
