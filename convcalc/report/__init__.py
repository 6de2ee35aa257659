"""What commands print: numbers become sentences, tables and listings, and these become text in a format.

`parts` is what a report is made of; `layers`, `fields`, `comparison`, `catalogue` make reports out of
numbers; `plain`, `terminal` and `markup` write them; `document` is the JSON contract. Nothing here
computes a number of a network, and nothing imports rich but `terminal`.
"""
