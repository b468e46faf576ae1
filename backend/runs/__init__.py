"""What a training and an inference have in common: a run, from the wish to the end of its last attempt."""
