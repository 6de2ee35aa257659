"""The report of `articles`: what is stated beside what is true, the reasons, and on request the arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from convcalc.checks.claims import VERDICTS, Article, Claim, Judged, spell_stated
from convcalc.checks.claims.expression import spell
from convcalc.checks.claims.judge import plain
from convcalc.report.build.document import Document, opening
from convcalc.report.parts import Column, Listing, Report, Table, amount

_COLUMNS = (
    Column("verdict", left=True),
    Column("claim", left=True),
    Column("stated"),
    Column("true"),
)


def articles_report(judged: Sequence[Judged], *, explain: bool) -> Report:
    """A table for each article, the reasons under it, and a count of the verdicts."""
    report: list[str | Table | Listing] = []
    for article, claims in _by_article(judged):
        report.append(Table(_COLUMNS, [row for one in claims for row in _rows(one)], title=_title(article)))
        if explain:
            report += [Listing([line for one in claims for line in _explained(one)])]
        else:
            report += [_reasons(one) for one in claims if _needs_words(one)]
    return [*report, *_closing(judged)]


def articles_document(judged: Sequence[Judged]) -> Document:
    """The claims for programs; a figure that was not measured is null."""
    return {**opening(), "claims": [_document(one) for one in judged]}


def _document(one: Judged) -> Document:
    claim = one.claim
    return {
        "id": claim.name,
        "article": claim.article.name,
        "title": claim.article.title,
        "source": claim.article.source,
        "says": claim.says,
        "verdict": one.verdict,
        "expected": claim.expected or None,
        "stated": {name: plain(stated) for name, stated in claim.stated.items()},
        "true": {name: plain(value) for name, value in one.figures.items()},
        "why": one.explanation,
    }


def _by_article(judged: Iterable[Judged]) -> Iterator[tuple[Article, list[Judged]]]:
    for article, claims in itertools.groupby(judged, key=lambda one: one.claim.article):
        yield article, list(claims)


def _title(article: Article) -> str:
    words = " - ".join(part for part in (article.title, article.source) if part)
    return f"{article.name}: {words}" if words else article.name


def _short(claim: Claim) -> str:
    """The claim's id without its article's name, which stands above."""
    return claim.name.removeprefix(f"{claim.article.name}/")


def _rows(one: Judged) -> Iterator[tuple[str, str, str, str]]:
    yield one.verdict, _short(one.claim), "", ""
    for name, value in one.figures.items():
        stated = one.claim.stated.get(name)
        yield "", f"  {name}", "" if stated is None else spell_stated(stated), spell(value)


def _needs_words(one: Judged) -> bool:
    return bool(one.explanation) and one.verdict != "right"


def _reasons(one: Judged) -> str:
    """The claim, its verdict and the reasons; a reason that begins with the verdict says it already."""
    reason = one.explanation if one.explanation.startswith(one.verdict) else f"{one.verdict}: {one.explanation}"
    return f'{_short(one.claim)} ("{one.claim.says}"): {reason}'


def _explained(one: Judged) -> Iterator[str]:
    """What is said, every quantity with its arithmetic, every figure with its expression, and the reasons."""
    claim = one.claim
    yield f"{_short(claim)}: {one.verdict}"
    yield f"  says: {claim.says}"
    for name, template in claim.specs.items():
        over = f" over {', '.join(template.inputs)}" if template.inputs else ""
        yield f"  {name}: {template.text}{over}"
    for step in dict.fromkeys((step.text, step.arithmetic, spell(step.value)) for step in one.steps):
        yield "  " + " = ".join(part for part in step if part)
    for name, figure in claim.figures.items():
        yield f"  {name} = {figure.text} = {spell(one.figures[name])}"
    for statement in claim.holds:
        yield f"  holds: {statement.text}"
    for part, word in ((claim.generally, "everywhere"), (claim.only, "at least")):
        for statement in part.holds if part else ():
            over = ", ".join(f"{name} in {spell(values)}" for name, values in (part.cases if part else {}).items())
            yield f"  {word}: {statement.text}{' for ' + over if over else ''}"
    if one.explanation:
        yield f"  why: {one.explanation}"
    yield ""


def _closing(judged: Sequence[Judged]) -> Iterator[str]:
    verdicts = [one.verdict for one in judged]
    counts = {verdict: verdicts.count(verdict) for verdict in (*VERDICTS, *sorted(set(verdicts) - set(VERDICTS)))}
    counted = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    yield f"{amount(len(judged), 'claim')}: {counted}"
    unexpected = [one for one in judged if not one.is_expected]
    for one in unexpected:
        yield f"unexpected: {one.claim.name} is {one.verdict}, the file expects {one.claim.expected}"
    if not unexpected and any(one.claim.expected for one in judged):
        left = sum(one.is_open for one in judged)
        rest = f"; {amount(left, 'claim')} without a verdict" if left else ""
        yield "every verdict is the expected one" + rest
