"""How a command answers: the numbers at once, then the proof; in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from convcalc.analysis.network import Network
from convcalc.cli.options import Output
from convcalc.cli.proof import Proof, prove
from convcalc.core.errors import UsageError
from convcalc.report.parts import Report

EXIT_DISAGREES = 1


def answer(
    network: Network,
    output: Output,
    report: Callable[[], Report],
    more: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Answer for one network: `report` for people, or its document, with `more` keys. Gives the exit code."""
    check_complete(network, output)
    if output.format == "json":
        from convcalc.report.build.document import dumps

        proof = prove(network, output)
        write(dumps({**proved_document(network, proof, output), **more}))
    else:
        emit(report(), output.format)
        proof = prove(network, output)
        tell([proof], output.format)
    return EXIT_DISAGREES if proof.failed else 0


def check_complete(network: Network, output: Output) -> None:
    """Raise UsageError under --strict where an operator was not counted."""
    if output.strict and not network.complete:
        calls = ", ".join(f"{count} of {name}" for name, count in network.uncounted.items())
        raise UsageError(
            f"{network.text} is not counted completely: {calls}", hint="without --strict it is a lower bound"
        )


def proved_document(network: Network, proof: Proof, output: Output) -> dict[str, Any]:
    """A network's document with its proof, or with the reason why there is none."""
    from convcalc.report.build.document import model_document, proof_document

    document = model_document(network, depth=output.depth, dtype=output.dtype)
    if proof.confirmation:
        document["confirmed"] = proof_document(proof.confirmation)
    elif proof.declined:
        document["not_confirmed"] = proof.declined
    return document


def emit(report: Report, format: str) -> None:
    """Write a report on stdout."""
    if format == "table":
        write(_for_people(report))
        return
    from convcalc.report.write.markup import WRITERS

    write(WRITERS[format](report))


def tell(proofs: Sequence[Proof], format: str, names: Sequence[str] = ("",)) -> None:
    """Write what the proofs say: behind the report, or on stderr where stdout is data."""
    lines = [
        f"{name}: {line}" if name else line
        for name, proof in zip(names, proofs, strict=True)
        for line in _proof_lines(proof)
    ]
    if not lines:
        return
    if format == "csv":
        sys.stderr.write("\n".join(lines) + "\n")
    else:
        if format in ("table", "markdown"):
            write("\n")
        emit(lines, format)


def _proof_lines(proof: Proof) -> list[str]:
    if proof.confirmation is None:
        return [f"not confirmed: {proof.declined}"] if proof.declined else []
    from convcalc.report.build.proof import proof_sentences

    return proof_sentences(proof.confirmation)


def write(text: str) -> None:
    """Write on stdout, at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def is_styled() -> bool:
    """Whether stdout shows colours and rules: a terminal or FORCE_COLOR, and no NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
    return (forced or sys.stdout.isatty()) and "utf" in (getattr(sys.stdout, "encoding", "") or "").lower()


def line_width() -> int | None:
    """How many characters a line has: COLUMNS, or the terminal's; None where nothing limits it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    return os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None


def _for_people(report: Report) -> str:
    if not is_styled():
        from convcalc.report.write.plain import plain

        return plain(report, line_width())
    from convcalc.report.write.terminal import styled

    return styled(report, line_width())
