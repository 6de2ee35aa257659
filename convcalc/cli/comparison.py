"""How `compare` answers: as `answer` does, for several networks."""

from __future__ import annotations

from collections.abc import Sequence

from convcalc.analysis.compare import Comparison
from convcalc.cli.answer import EXIT_DISAGREES, check_complete, emit, proved_document, tell, write
from convcalc.cli.network import resolve
from convcalc.cli.options import Output, Request
from convcalc.cli.proof import prove
from convcalc.report.build.comparison import comparison_document, comparison_report


def answer_comparison(requests: Sequence[Request], output: Output) -> int:
    """Compare the networks that are asked for; gives the exit code. Raises UsageError and all that SPECs raise."""
    networks = tuple(resolve(request) for request in requests)
    comparison = Comparison(networks)
    for network in networks:
        check_complete(network, output)
    if output.format == "json":
        from convcalc.report.build.document import dumps

        proofs = [prove(network, output) for network in networks]
        models = [proved_document(*pair, output) for pair in zip(networks, proofs, strict=True)]
        write(dumps(comparison_document(comparison, models)))
    else:
        every_layer = output.format == "csv"
        report = comparison_report(comparison, depth=output.depth, dtype=output.dtype, every_layer=every_layer)
        emit(report, output.format)
        proofs = [prove(network, output) for network in networks]
        tell(proofs, output.format, [network.text for network in networks])
    return EXIT_DISAGREES if any(proof.failed for proof in proofs) else 0
