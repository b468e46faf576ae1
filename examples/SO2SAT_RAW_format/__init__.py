"""So2Sat: local climate zones seen from space."""
