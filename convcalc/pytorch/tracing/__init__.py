"""From a PyTorch module to a graph. This page is the door; the code follows it from file to file.

**One forward pass.** `trace.record` copies the model without its weights, puts inputs on PyTorch's meta device,
where tensors have shapes and no data, and calls the model once. While it runs, `recorder.Recorder` sees every
operator that PyTorch dispatches, however it was called: from a module, a function, `@`, einsum, in place. A model
that asks for values (`if x.sum() > 0`) is run once more on the CPU, and the answer says so.

**Who says what.** For each call the recorder looks up a *rule* (`rules/`), hands it the call, and writes down what
the rule answers. Rules are pure functions: they add no nodes and mark no tensors, so each can be read, and tested,
by itself. The recorder knows no operators; it alone adds nodes, counts each parameter the first time it is
read, and names nodes after the modules that were running.

**What a tensor holds** is a `call.Value`: a source, a layout and a shape. The source is what lies in the memory: the
output of a node, or a constant, which no input of the network reaches. Arithmetic on constants makes no nodes, as
it could be done once and for all; layers with products, such as a convolution over a learned constant, do. Two views
of one memory share their source, so that `y += x` is seen through every view of `y`.

**Where the places went** is the layout. A receptive field is about places (pixels, frames, tokens), but PyTorch only
has dimensions, and models permute, split and merge them freely. So each dimension carries a row of atoms, as in
einops' `(h1 w1) (h2 w2) c`: digits of an axis of places, or channels. Here is a window partition, as in Swin: a map
of 8x8 places becomes 4 windows of 16 tokens, and every digit can still be told:

>>> from convcalc.pytorch.tracing.layout import plain, reads, reshaped
>>> image = plain((1, 32, 8, 8))
>>> split = reshaped(image, (1, 32, 2, 4, 2, 4))
>>> windows = reshaped(tuple(split[dim] for dim in (0, 2, 4, 3, 5, 1)), (4, 16, 32))
>>> for dim in windows:
...     print([tuple(atom) for atom in dim])
[(0, 4, 2), (1, 4, 2)]
[(0, 1, 4), (1, 1, 4)]
[(-1, 1, 32)]

The first dimension runs over the upper digit of axis 0 (stride 4, 2 of them), then that of axis 1; the second over
the lower digits; the last over the channels.

**What a place reads** follows from two layouts. `reads(result, source, pairs)` is told which dimensions run together.
In attention the windows do, the tokens do not: so a place reads its whole window, and no other. Along each axis:

>>> across, _ = reads(windows, windows, ((0, 0), (2, 2)))
>>> [place.runs for place in across.reads], across.advance
([((0, 4),), ((0, 4),), ((0, 4),), ((0, 4),)], 4)

Places 0 to 3 all read 0 to 3, places 4 to 7 read 4 to 7, and so on: four phases that advance by 4. That is a
`Window`, the same as a convolution's, and all that the receptive field needs.

**What a rule answers** is one outcome for each output, or one for all of them (`call`):

- `Same(value, layout)`: the values that were there, in the same memory, as most views answer; one of a part is a node.
- `Unreached(values)`: nothing that depends on an input; it remembers the parameters that it was made of.
- `Computed(kind, values, layout, ...)`: a node. `reads` are the windows onto each of the values, `products` the
  multiply-accumulates, `arithmetic` all other operations. `core` is the operator of the language that the call may be;
  where its shape and products come out as recorded, the graph gets it, so that a traced ResNet consists of the
  same `Conv` as a written one. Otherwise the graph gets a `Traced` operator, which holds the numbers.
- `Read(value)`: a number went out to the program, where nobody can follow it (see `leaving`).

Operators without a rule are taken apart by PyTorch where it can do that. Of the rest, those that PyTorch calls
pointwise are counted one for each element, and the others are listed as not counted; they are never zero.

**Writing a rule.** Say PyTorch gained `aten::channel_norm(Tensor input, Tensor weight)`: it divides every place by
the length of its channel vector, dimension 1, and scales the channels.

1. Look the arguments up in the schema: `torch.ops.aten.channel_norm.default._schema`.
2. Choose the file of `rules/` that it belongs to, or add one; every file there is found.
3. Ask the call for values: `call.value("input")`, `call.optional(...)` where None may be passed, `call["eps"]` for a
   number, `call.shape` for the output's shape.
4. Say where places lie in the output, and what they read. Here nothing moves, so the layout is the input's and each
   place reads its own: `reads` is left out. `rules/dimensions.py` helps where it is not so simple.
5. Count: a square and a sum for each element, a division, and the factor to be learned.
6. Test it against PyTorch: add a module to `MODULES` in `tests/pytorch/tracing/test_trace.py`; its products are then
   compared with PyTorch's counter, its field with gradients.

    @rule("channel_norm")
    def _channel_norm(call: Call) -> Outcome:
        value, weight = call.value("input"), call.value("weight")
        if value.is_constant:
            return Unreached(values=[value, weight])
        return Computed(
            kind="norm", values=[value, weight], layout=value.layout, arithmetic=4 * prod(value.shape), keeps="input"
        )

An operator of your own needs none of this: `convcalc.rule` takes a function of shapes.

**An example, worked through.** A convolution, its map as tokens, and a dense layer over each token's channels:

>>> from torch import nn
>>> from convcalc.pytorch.tracing.trace import trace
>>> class Embed(nn.Module):
...     def __init__(self):
...         super().__init__()
...         self.patches = nn.Conv2d(3, 16, 4, stride=4)
...         self.mix = nn.Linear(16, 8)
...     def forward(self, x):
...         return self.mix(self.patches(x).flatten(2).transpose(1, 2))
>>> graph = trace(Embed(), input=(3, 32, 32))
>>> for node, shape in zip(graph.nodes, graph.shapes):
...     print(node.name, type(node.op).__name__, shape)
input Input (3, 32, 32)
patches Conv (16, 8, 8)
mix Pointwise (8, 8, 8)

`flatten` and `transpose` answered `Same` with new layouts, so they are not nodes. The tensor that `mix` sees has 64
tokens in one dimension, and its layout still knows them as 8x8 places; since only channels are summed over, the
dense layer is a 1x1 convolution, and the output lies like the map it came from. Its receptive field is the patch:

>>> from convcalc.analysis.receptive_field import receptive_fields
>>> receptive_fields(graph)[-1].size
(4, 4)
"""
