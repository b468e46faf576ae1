"""The command line ``kafka-ml``: every action of the API, the local platform, and streams from files.

Modules import what they need inside commands, so that ``kafka-ml --help`` answers at once.
"""
