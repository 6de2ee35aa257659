"""A PyTorch module becomes a graph: the recorder, the layouts of its tensors, the rules."""
