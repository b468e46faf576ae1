"""The platform on one machine: the embedded broker, the supervisor behind ``kafka-ml up``, and its doctor.

Called by the command line and by tests. Imports neither Django nor a machine learning framework: the services it runs
are child processes.
"""
