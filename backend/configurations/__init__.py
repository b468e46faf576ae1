"""Sets of models that train on the same stream."""
