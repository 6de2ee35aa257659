"""The commands, one file each: a click command called `command`."""
