"""The proof: the real module is run, and its witnesses' numbers are laid beside ours."""
