"""How `compare` answers: as `answer` does, for several networks."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.analysis.compare import Comparison, Model, compare
from convcalc.analysis.counts import analyse
from convcalc.cli.answer import EXIT_DISAGREES, emit, proved_document, shown, tell, write
from convcalc.cli.network import resolve
from convcalc.cli.options import Output, Request
from convcalc.cli.proof import prove
from convcalc.core.errors import UsageError
from convcalc.report.build.comparison import comparison_document, comparison_report
from convcalc.report.build.subject import Subject


def answer_comparison(requests: Sequence[Request], output: Output) -> int:
    """Compare the networks that are asked for; gives the exit code. Raises UsageError and all that SPECs raise."""
    if len(requests) < 2:
        raise UsageError("one network is no comparison", hint="convcalc compare A B; convcalc summary shows one")
    subjects = [resolve(request) for request in requests]
    comparison = compare(*(Model(subject.text, shown(subject, analyse(subject.graph), output)) for subject in subjects))
    if output.format == "json":
        return _as_document(subjects, comparison, output)
    every_layer = output.format == "csv"
    emit(comparison_report(subjects, comparison, dtype=output.dtype, every_layer=every_layer), output.format)
    proofs = [prove(subject, output) for subject in subjects]
    tell(proofs, output.format, [subject.text for subject in subjects])
    return EXIT_DISAGREES if any(proof.failed for proof in proofs) else 0


def _as_document(subjects: Sequence[Subject], comparison: Comparison, output: Output) -> int:
    from convcalc.report.build.document import dumps, opening

    proofs = [prove(subject, output) for subject in subjects]
    models = [
        proved_document(subject, model.analysis, proof, output)
        for subject, model, proof in zip(subjects, comparison.models, proofs, strict=True)
    ]
    write(dumps({**opening(), "models": models, **comparison_document(comparison)}))
    return EXIT_DISAGREES if any(proof.failed for proof in proofs) else 0
