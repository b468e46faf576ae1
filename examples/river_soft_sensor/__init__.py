"""The seminar's river: absurd values, scaling, and what the median would have predicted."""
