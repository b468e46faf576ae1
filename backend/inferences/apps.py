from django.apps import AppConfig


class InferencesConfig(AppConfig):
    name = "backend.inferences"
    label = "inferences"
