"""`convcalc compare`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from convcalc.cli.options import Output, Request, output_options, several_networks_options


@click.command("compare", short_help="Networks side by side.")
@several_networks_options
@output_options
def command(requests: Sequence[Request], output: Output) -> int:
    """\b
    convcalc compare resnet-block resnext-block
    convcalc compare 3x3,3x3,3x3 7x7 --input 64x56x56
    convcalc compare resnet50 resnext50_32x4d resnet101 --format markdown
    convcalc compare resnet50 resnext50_32x4d --columns params,macs,rf --format latex

    Totals and ratios to the first network, the layers side by side (aligned by name), where the
    parameters and the MACs go, memory and the receptive field. CSV holds the layers with their totals and
    ratios (with --total every metric); LaTeX is one table with a row for each network.
    """
    from convcalc.analysis.compare import Comparison
    from convcalc.cli.answer import EXIT_DISAGREES, check_request, emit, proof_of, proved_document, tell, write
    from convcalc.cli.network import resolve
    from convcalc.report.build.comparison import comparison_document, comparison_report, paper_report

    comparison = Comparison(tuple(resolve(request) for request in requests))
    networks = comparison.networks
    for network in networks:
        check_request(network, output)
    if output.format == "json":
        from convcalc.report.build.document import dumps

        proofs = [proof_of(network, output) for network in networks]
        models = [proved_document(*pair, output) for pair in zip(networks, proofs, strict=True)]
        write(dumps(comparison_document(comparison, models)))
    else:
        if output.format == "latex":
            emit(paper_report(comparison, output.view), output.format)
        else:
            every_layer = output.format == "csv"
            report = comparison_report(comparison, view=output.view, dtype=output.dtype, every_layer=every_layer)
            emit(report, output.format)
        proofs = [proof_of(network, output) for network in networks]
        tell(proofs, output.format, [network.text for network in networks])
    return EXIT_DISAGREES if any(proof.failed for proof in proofs) else 0
