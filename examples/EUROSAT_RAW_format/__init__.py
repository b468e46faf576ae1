"""EuroSAT: land use seen from space."""
