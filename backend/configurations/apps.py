from django.apps import AppConfig


class ConfigurationsConfig(AppConfig):
    name = "backend.configurations"
    label = "configurations"
