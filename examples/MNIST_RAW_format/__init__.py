"""The tutorial: MNIST in RAW format; single models, online, in tiers."""
