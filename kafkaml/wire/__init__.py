"""What travels between workers, control plane and clients, each thing once: one module per noun, with its enums.

This package imports nothing of it: programs that start a hundred times a day need one of the modules, not all.
"""
