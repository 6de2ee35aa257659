"""Everything that imports torch: building the real module, and proving the numbers on it.

Importing this package where torch or fvcore is missing or broken raises ConfirmError, the one place that says so.
"""

import warnings

from convcalc.core.errors import ConfirmError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore uses what torch has deprecated
        import fvcore.nn  # noqa: F401
        import torch  # noqa: F401
except (Exception, SystemExit) as error:  # a broken installation fails in any way
    reason = str(error).partition("\n")[0] or type(error).__name__
    raise ConfirmError(f"torch and fvcore are needed: {reason}", hint="pip install 'convcalc[torch]'") from error
