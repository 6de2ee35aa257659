"""What can be asked of a network: counts, memory, receptive field, comparison."""
