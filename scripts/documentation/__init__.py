"""The documentation site: which files are its pages, the reference written from the code, and what a build adds.

``python -m scripts.documentation FOLDER`` writes all sources into FOLDER for Zensical; ``scripts/build-docs`` does the
rest.
"""
