from django.apps import AppConfig


class StreamsConfig(AppConfig):
    name = "backend.streams"
    label = "streams"
