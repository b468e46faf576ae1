"""Free places of car parks: a regression on a stream of integers."""
