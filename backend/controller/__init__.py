"""The controller: makes the running work equal to the wanted work. ``reconcile`` decides, ``loop`` carries it out."""
