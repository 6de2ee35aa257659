"""Numbers, errors, windows, graphs and operators: the ground floor, which knows nothing else of convcalc."""
