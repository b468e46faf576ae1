from django.apps import AppConfig


class TopicsConfig(AppConfig):
    name = "backend.topics"
    label = "topics"
