"""Budgets: limits on what blocks and models cost, judged exactly (`convcalc check`).

A file of limits (`configuration`, found by `files`) names networks; their numbers (`metrics`) are held
against bounds (`operators`, `quantity`) and against a baseline (`lock`, or git's through `revision`) by
`judge`; `run` brings all of it together. Nothing here imports torch, and nothing prints.
"""

from convcalc.checks.budget.configuration import Configuration, ConfigurationError, parse_configuration
from convcalc.checks.budget.files import Budget, read_budget
from convcalc.checks.budget.judge import Notice, Report, Verdict
from convcalc.checks.budget.run import Request, check

__all__ = [
    "Budget",
    "Configuration",
    "ConfigurationError",
    "Notice",
    "Report",
    "Request",
    "Verdict",
    "check",
    "parse_configuration",
    "read_budget",
]
