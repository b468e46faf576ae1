"""The tutorial's MNIST example."""
