"""Claims about convolution blocks, as data in this folder's TOML files, and the code that judges them.

A claim holds specs, figures as expressions over them, and what an article states; the verdict is computed.
The shipped articles are one file each; `read_file` reads one's own in the same format.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from convcalc.checks.claims.claims import VERDICTS, Article, Claim, read, read_file
from convcalc.checks.claims.judge import Judge, Judged, Step
from convcalc.checks.claims.quantities import EXPERIMENTS, WORDS, Laboratory, NotJudgedError
from convcalc.core.errors import UsageError

__all__ = [
    "EXPERIMENTS",
    "VERDICTS",
    "WORDS",
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
]


def shipped() -> list[Claim]:
    """The claims of the articles in this folder, in the order of their files."""
    folder = Path(__file__).parent
    return [claim for path in sorted(folder.glob("*.toml")) for claim in read(path.read_text("utf-8"), path.name)]


def select(claims: Iterable[Claim], names: Iterable[str]) -> list[Claim]:
    """The claims of the articles or with the ids `names`, all where none is named. Raises UsageError.

    >>> [claim.id for claim in select(shipped(), ["kernels/rf-5x5"])]
    ['kernels/rf-5x5']
    """
    claims, names = list(claims), list(names)
    known = dict.fromkeys([*(claim.article.name for claim in claims), *(claim.id for claim in claims)])
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3, 0.4)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(known)}"
            raise UsageError(f"no article or claim is called {name!r}", hint=hint)
    return [claim for claim in claims if not names or claim.id in names or claim.article.name in names]
