"""CIFAR-10 and VGG16: a deep network on small colour images."""
