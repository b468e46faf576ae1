"""A soft sensor of nitrate in rivers: what a model cannot tell, however well it is trained."""
