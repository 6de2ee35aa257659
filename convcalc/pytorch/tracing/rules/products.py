"""Matrix products: dense layers, attention, embeddings."""

from __future__ import annotations

from convcalc.core.algebra import prod
from convcalc.core.operator import Formula, Op, times
from convcalc.core.ops.dense import Dense
from convcalc.core.traced import Pointwise
from convcalc.pytorch.tracing.call import Answer, Call, Computed, Outcome, Unreached, Value
from convcalc.pytorch.tracing.layout import Dim, Layout, channels, grid, reads, settled
from convcalc.pytorch.tracing.rules.answers import everywhere
from convcalc.pytorch.tracing.rules.dimensions import broadcast_reads, broadest
from convcalc.pytorch.tracing.rules.registry import rule


@rule("linear")
def _linear(call: Call) -> Outcome:
    weight = call.value("weight")
    turned = weight._replace(layout=weight.layout[::-1], shape=weight.shape[::-1])
    return _product(call, call.value("input"), turned, bias=call.optional("bias"))


@rule("matmul", "mm", "bmm", "mv", "dot", "vdot")
def _matmul(call: Call) -> Outcome:
    return _product(call, call.value(0), call.value(1))


@rule("addmm", "baddbmm", "addmv", "addbmm")
def _addmm(call: Call) -> Outcome:
    bias = call.value(0)
    if bias.is_constant:
        return _product(call, call.value(1), call.value(2), bias=bias)
    return _product(call, call.value(1), call.value(2), added=bias)


def _product(call: Call, a: Value, b: Value, bias: Value | None = None, added: Value | None = None) -> Outcome:
    """A matrix product (..., M, K) by (..., K, N), batches broadcast."""
    shape = call.shape
    inner = a.shape[-1]
    rows, columns = len(a.shape) > 1, len(b.shape) > 1
    own = int(rows) + int(columns)
    lead = len(shape) - own
    batches = [(v, len(v.shape) - 1 - int(is_matrix)) for v, is_matrix in ((a, rows), (b, columns))]
    pairs: list[list[tuple[int, int]]] = []
    for value, count in batches:
        pairs.append([(lead - count + i, i) for i in range(count) if value.shape[i] == shape[lead - count + i]])
    if rows:
        pairs[0].append((lead, len(a.shape) - 2))
    if columns:
        pairs[1].append((len(shape) - 1, len(b.shape) - 1))
    dims: list[Dim] = [
        broadest([v._replace(layout=v.layout[:n], shape=v.shape[:n]) for v, n in batches], at - lead, shape[at])
        for at in range(lead)
    ]
    dims += a.layout[-2:-1] if rows else ()
    dims += b.layout[-1:] if columns else ()
    layout = settled(tuple(dims))
    windows = [reads(layout, v.layout, tuple(p)) for v, p in zip((a, b), pairs, strict=True)]
    dense = b.is_constant and len(b.shape) == 2 and not a.is_constant
    return Computed(
        kind="fc" if dense else "matmul",
        values=[a, b, *([added] if added else [])],
        layout=layout,
        core=_dense(a, layout, shape[-1] if shape else 1, bias is not None) if dense else None,
        reads=[*windows, *([broadcast_reads(layout, added, shape)] if added else [])],
        products=prod(shape) * inner,
        arithmetic=prod(shape) if bias is not None or added is not None else 0,
        bias=bias,
        text=Formula("", times(*[n for n in shape if n != 1], inner)),
        keeps="input",
    )


def _dense(value: Value, layout: Layout, width: int, bias: bool) -> Op | None:
    """A dense layer: of the whole map, or at every place where only channels are summed over."""
    if any(atom.axis >= 0 for atom in value.layout[-1]) or not any(n > 1 for n in grid(layout)):
        return Dense(width, bias)
    ones = (1,) * value.rank
    return Pointwise(
        kernel=ones, channels=width, stride=ones, padding=(0,) * value.rank, dilation=ones, groups=1, bias=bias
    )


@rule(
    "scaled_dot_product_attention",
    "_scaled_dot_product_flash_attention_for_cpu",
    "_scaled_dot_product_flash_attention",
    "_scaled_dot_product_efficient_attention",
    "_scaled_dot_product_cudnn_attention",
    "_scaled_dot_product_fused_attention_overrideable",
    "_scaled_dot_product_attention_math",
)
def _attention(call: Call) -> Outcome:
    """softmax(q k' / sqrt(d)) v: two products; scaling, softmax and mask are elementwise arithmetic."""
    query, key, value = call.value(0), call.value(1), call.value(2)
    mask = call.optional("attn_mask") or call.optional("attn_bias")
    shape = call.shape
    last = len(shape) - 1
    scores = prod(shape[:-1]) * key.shape[-2]
    layout = settled((*query.layout[:-1], value.layout[-1]))
    heads = tuple([(at, at) for at in range(last - 1) if key.shape[at] == shape[at]])
    values = [query, key, value]
    windows = [
        reads(layout, query.layout, (*heads, (last - 1, last - 1))),
        reads(layout, key.layout, heads),
        reads(layout, value.layout, (*heads, (last, last))),
    ]
    if mask is not None:
        values.append(mask)
        windows.append(reads(layout, mask.layout, ()))
    return Computed(
        kind="attention",
        values=values,
        layout=layout,
        reads=windows,
        products=scores * (query.shape[-1] + value.shape[-1]),
        arithmetic=scores * (4 + (mask is not None)),
        text=Formula("", times(*shape[:-1], key.shape[-2], query.shape[-1] + value.shape[-1])),
        keeps="input",
    )


@rule("embedding")
def _embedding(call: Call) -> Outcome:
    """A row of the table for each id: no arithmetic."""
    table, ids = call.value("weight"), call.value("indices")
    if ids.is_constant:
        return Unreached(values=call.values())
    return Computed(
        kind="embedding",
        values=[ids, table],
        layout=(*ids.layout, channels(table.shape[-1])),
        arithmetic=0,
        text=Formula(times(*table.shape)),
        keeps="input",
    )


@rule("_embedding_bag", "_embedding_bag_forward_only")
def _embedding_bag(call: Call) -> Answer:
    """The sum of the rows of some ids: an addition for each value."""
    return everywhere(call, "embedding", count=prod(call.value("indices").shape) * call.shape[-1])
