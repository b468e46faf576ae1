"""Machine readings whose topic becomes a data set unchanged: columns by SQL, windows, one contract for both ends."""
