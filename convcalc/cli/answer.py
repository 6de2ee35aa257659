"""How a command answers: the numbers at once, then the proof; in the format that was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TextIO

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
    check_request(network, output)
    if output.format == "json":
        from convcalc.report.build.document import dumps

        proof = proof_of(network, output)
        write(dumps({**proved_document(network, proof, output), **more}))
    else:
        emit(report(), output.format)
        proof = proof_of(network, output)
        tell([proof], output.format)
    return EXIT_DISAGREES if proof.failed else 0


def check_request(network: Network, output: Output) -> None:
    """Raise UsageError for columns that there are none of, and under --strict for what was not counted."""
    if output.strict and not network.complete:
        calls = ", ".join(f"{count} of {name}" for name, count in network.uncounted.items())
        raise UsageError(
            f"{network.text} is not counted completely: {calls}", hint="without --strict it is a lower bound"
        )
    if output.columns or output.sort:
        from convcalc.report.build.columns import check_columns

        check_columns([*output.columns, *filter(None, [output.sort])])


def proof_of(network: Network, output: Output) -> Proof:
    """The proof that is asked for. Raises ConfirmError where it is demanded and cannot be made."""
    return prove(network, confirm=output.confirm, device=output.device, demanded=output.demanded)


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
    """Write a report on stdout; a table as plain text, or with colours on a terminal that shows them."""
    from convcalc.report.write import write as in_format

    if format == "table":
        format = "terminal" if is_styled(sys.stdout) else "plain"
    write(in_format(report, format, line_width()))


def tell(proofs: Sequence[Proof], format: str, names: Sequence[str] = ("",)) -> None:
    """Write what the proofs say: after the report, or on stderr where stdout is data."""
    lines = [
        f"{name}: {line}" if name else line
        for name, proof in zip(names, proofs, strict=True)
        for line in _proof_lines(proof)
    ]
    if not lines:
        return
    if format == "csv":
        from convcalc.report.write.plain import plain

        sys.stderr.write(plain(lines))
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
    """Write on stdout, at once. Where the reader is gone (`| head`), the rest is for nobody: the exit code stays."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


def quote(printed: str) -> None:
    """Pass on, on stderr, what a model printed: no terminal and no CI runner obeys it."""
    from convcalc.report.printable import printable, without_commands

    sys.stderr.write(without_commands(printable(printed)))


def discard_stdout() -> None:
    """Let whatever is still to be written go nowhere, the interpreter's last flush included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_styled(stream: TextIO) -> bool:
    """Whether `stream` shows colours and rules: a terminal or FORCE_COLOR, and no NO_COLOR."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    forced = os.environ.get("FORCE_COLOR", "") not in ("", "0")
    return (forced or stream.isatty()) and "utf" in (getattr(stream, "encoding", "") or "").lower()


def line_width() -> int | None:
    """How many characters a line has: COLUMNS, or the terminal's; None where nothing limits it."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdigit() and int(columns):
        return int(columns)
    return os.get_terminal_size(sys.stdout.fileno()).columns or None if sys.stdout.isatty() else None
