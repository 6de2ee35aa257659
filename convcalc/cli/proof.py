"""The proof as a step of a command: whether it can be made, and what it came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convcalc.analysis.network import Network
from convcalc.analysis.proof import INSTALL, Confirmation, NotInstalledError, require_torch
from convcalc.core.errors import ConfirmError

if TYPE_CHECKING:
    from convcalc.cli.progress import Progress


class Proof(NamedTuple):
    """What a proof came to, or why there is none; both empty where nobody asked for one."""

    confirmation: Confirmation | None = None
    declined: str = ""

    @property
    def failed(self) -> bool:
        """Whether a witness disagrees."""
        return self.confirmation is not None and not self.confirmation.ok


def prove(network: Network, *, confirm: bool | None = None, device: str = "cpu", demanded: bool = False) -> Proof:
    """Prove a network's numbers on the real module, unless `confirm` is False.

    Raises ConfirmError or NotInstalledError where that cannot be done and is `demanded`.
    """
    if confirm is False:
        return Proof()
    from convcalc.cli.progress import Progress

    try:
        with Progress("confirming") as progress:
            check_torch(load=network.prove is None, progress=progress)
            return Proof(confirmation=network.confirm(device, progress))
    except (ConfirmError, NotInstalledError) as error:
        if demanded:
            raise
        if isinstance(error, NotInstalledError):
            return Proof(declined=error.hint)
        return Proof(declined=error.message + (f" ({error.hint})" if error.hint else ""))


def check_torch(*, load: bool, progress: Progress) -> None:
    """Raise NotInstalledError where torch is missing, ConfirmError where it is to `load` here and does not."""
    require_torch("a proof")
    if load:
        progress("loading torch")
        try:
            import convcalc.pytorch  # noqa: F401
        except (Exception, SystemExit) as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ConfirmError(f"torch does not load: {reason}", hint=INSTALL) from None
