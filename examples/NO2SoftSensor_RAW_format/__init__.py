"""A soft sensor of nitrate in rivers: an example of what no model can predict, however well it is trained."""
