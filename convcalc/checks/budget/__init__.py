"""Budgets: limits on what networks cost, judged exactly (`convcalc check`).

A file of limits (`configuration`, found by `files`) names networks; their numbers are held against bounds
(`convcalc.checks.limits`) and against a baseline (`lock`, or git's through `revision`) by `judge`; `run` brings
all of it together. Nothing here imports torch, and nothing prints.
"""

from convcalc.checks.budget.configuration import Check, Configuration, parse_configuration
from convcalc.checks.budget.files import Budget, read_budget
from convcalc.checks.budget.run import Request, check

__all__ = ["Budget", "Check", "Configuration", "Request", "check", "parse_configuration", "read_budget"]
