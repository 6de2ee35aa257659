"""What commands print: `build` says what, as parts without a format; `write` has a file for each format.

`parts` is what a report is made of, `layout` how a table finds its place in a width, `printable` the one door at which
texts of models and files become harmless. Nothing here computes a number of a network, and nothing imports rich but
`write.terminal`.
"""
