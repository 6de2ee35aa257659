"""How `articles` answers: the claims are chosen, judged, told; the exit code says what they came to."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from convcalc.checks.claims import Judge, Judged, Laboratory, read_file, select, shipped
from convcalc.cli.answer import emit, write
from convcalc.cli.proof import INSTALL, Progress
from convcalc.core.errors import ConfirmError
from convcalc.report.build.articles import articles_document, articles_report
from convcalc.report.build.document import dumps

EXIT_UNEXPECTED = 1


class Asked(NamedTuple):
    """What a command line asks of the articles."""

    names: tuple[str, ...]
    file: Path | None
    explain: bool
    strict: bool
    format: str
    confirm: bool
    device: str


def answer_articles(asked: Asked) -> int:
    """Judge the claims that are asked for; gives the exit code. Raises what a claims file raises."""
    claims = select(shipped() if asked.file is None else read_file(asked.file), asked.names)
    with Progress() as progress:

        def open_laboratory() -> Laboratory:
            return _laboratory(asked, progress)

        judge = Judge(open_laboratory)
        judged = [judge.judge(claim) for claim in claims]
    if asked.format == "json":
        write(dumps(articles_document(judged)))
    else:
        emit(articles_report(judged, explain=asked.explain), asked.format)
    return EXIT_UNEXPECTED if _fails(judged, strict=asked.strict) else 0


def _laboratory(asked: Asked, progress: Progress) -> Laboratory:
    """Where experiments run. Raises ConfirmError where none are wanted, or none can be."""
    if not asked.confirm:
        raise ConfirmError("left out by --no-confirm", hint="run it with --confirm")
    if not (find_spec("torch") and find_spec("fvcore")):
        raise ConfirmError("needs torch", hint=INSTALL)
    from convcalc.pytorch.experiments import TorchLaboratory

    return TorchLaboratory(asked.device, progress)


def _fails(judged: list[Judged], *, strict: bool) -> bool:
    wrong = strict and any(one.verdict == "wrong" for one in judged)
    return wrong or not all(one.is_expected for one in judged)
