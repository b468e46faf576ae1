"""What travels between workers, control plane and clients, each thing once: a module by noun, enums beside.

This package imports nothing of it: programs that start a hundred times a day need one of the modules, not all.
"""
