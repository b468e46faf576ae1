"""The files by which a local platform describes itself to its clients."""
