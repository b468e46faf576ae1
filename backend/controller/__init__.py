"""The controller: makes what runs equal to what is wanted. ``reconcile`` decides, ``loop`` carries it out."""
