"""Values that no input reaches: fresh tensors, random ones, and numbers that the program itself reads."""

from __future__ import annotations

from convcalc.pytorch.tracing.call import Call, Outcome, Unreached
from convcalc.pytorch.tracing.rules.registry import rule


@rule(
    "arange",
    "linspace",
    "full",
    "zeros",
    "ones",
    "empty",
    "rand",
    "randn",
    "eye",
    "scalar_tensor",
    "zeros_like",
    "ones_like",
    "empty_like",
    "full_like",
    "rand_like",
    "randn_like",
    "new_zeros",
    "new_ones",
    "new_empty",
    "new_full",
    "new_empty_strided",
    "empty_strided",
    "randperm",
    "randint",
    "bernoulli",
    "uniform",
    "normal",
    "tril_indices",
    "triu_indices",
    "_local_scalar_dense",
    "item",
    "is_nonzero",
    "equal",
    "sym_size",
    "stride",
)
def _fresh(call: Call) -> Outcome:
    return Unreached()
