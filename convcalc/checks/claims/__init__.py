"""Claims about convolution blocks, as data in this folder's TOML files, and the code that judges them.

A claim holds networks, figures as expressions over them, and what an article states; the verdict is computed.
The shipped articles are one file each; `read_file` reads one's own, and any budget's, in the same format.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from convcalc.checks.claims.claims import VERDICTS, Article, Claim, read, read_file, spell_stated
from convcalc.checks.claims.judge import Judge, Judged, Step
from convcalc.checks.claims.words import EXPERIMENTS, Laboratory, NotJudgedError, words
from convcalc.checks.toml import Document
from convcalc.core.errors import UsageError, suggest

__all__ = [
    "EXPERIMENTS",
    "VERDICTS",
    "Article",
    "Claim",
    "Judge",
    "Judged",
    "Laboratory",
    "NotJudgedError",
    "Step",
    "read",
    "read_file",
    "select",
    "shipped",
    "spell_stated",
    "words",
]


def shipped() -> list[Claim]:
    """The claims of the articles in this folder, in the order of their files."""
    paths = sorted(Path(__file__).parent.glob("*.toml"))
    return [claim for path in paths for claim in read(Document(file=path.name, text=path.read_text("utf-8")))]


def select(claims: Iterable[Claim], names: Iterable[str]) -> list[Claim]:
    """The claims of the articles called `names`, or called so themselves; all for no names. Raises UsageError.

    >>> [claim.name for claim in select(shipped(), ["kernels/rf-5x5"])]
    ['kernels/rf-5x5']
    """
    claims, names = list(claims), list(names)
    known = dict.fromkeys([*(claim.article.name for claim in claims), *(claim.name for claim in claims)])
    for name in names:
        if name not in known:
            hint = suggest(name, known, otherwise=f"known are {', '.join(known)}")
            raise UsageError(f"no article or claim is called {name!r}", hint=hint)
    return [claim for claim in claims if not names or claim.name in names or claim.article.name in names]
