"""Readings of machines, whose topic is a data set as it is: columns by SQL, windows, one contract for both ends."""
