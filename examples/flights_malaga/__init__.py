"""Flights around Malaga: a generator, a JSON topic as data set, and a live map."""
