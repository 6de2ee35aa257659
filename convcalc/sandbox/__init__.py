"""A model by its name, in a process of its own: `parent` asks, `worker` answers, `codec` is what they exchange."""
