"""A model by its name, in a process of its own: `parent` asks, `worker` answers, `codec` is what they exchange."""

TIMEOUT = 300.0
"""Seconds that a model's code may take to be traced, and again to be proved, where nobody names a limit."""
