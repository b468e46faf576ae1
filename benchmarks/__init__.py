"""Measurements of the figures that the project holds itself to. ``python -m benchmarks`` runs all of them.

Each module ``benchmarks/<name>.py`` with a function ``run(context: Context) -> Iterable[Row | Mapping]`` is one
subject; its rows are printed as they come. Nothing here is imported by the product.
"""
