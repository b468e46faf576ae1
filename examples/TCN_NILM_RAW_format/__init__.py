"""Which appliance uses the current: a temporal convolutional network with a matrix as label."""
