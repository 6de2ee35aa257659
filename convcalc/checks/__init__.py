"""Statements held against what is true: budgets and the articles' claims."""
