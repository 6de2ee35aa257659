"""Everything that imports torch: building the real module, and proving the numbers on it.

Importing this package where torch or fvcore is missing raises ConfirmError, the one place that says so.
"""

import warnings

from convcalc.core.errors import ConfirmError

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fvcore uses what torch has deprecated
        import fvcore.nn  # noqa: F401
        import torch  # noqa: F401
except ImportError as error:
    raise ConfirmError(f"torch and fvcore are needed: {error}", hint="pip install 'convcalc[torch]'") from error
