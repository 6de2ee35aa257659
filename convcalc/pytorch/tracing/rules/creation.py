"""Values that no input reaches: fresh tensors, random ones, and numbers that the program itself reads."""

from __future__ import annotations

from convcalc.pytorch.tracing.call import Answer, Call, Outcome, Read, Unreached
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
    "is_nonzero",
    "equal",
    "sym_size",
    "stride",
)
def _fresh(call: Call) -> Outcome:
    return Unreached()


@rule("item", "_local_scalar_dense")
def _item(call: Call) -> Answer:
    """A number that the program reads. Whole ones choose sizes and places: what is computed there is counted."""
    value = call.value()
    return Unreached() if value.is_constant or isinstance(call.out, int) else Read(value=value)
