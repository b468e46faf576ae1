"""What travels between workers, control plane and clients, each thing once: one module per noun, with its enums.

The package itself imports none of its modules, because programs that start a hundred times a day need one of them, not
all.
"""
