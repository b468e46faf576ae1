from django.apps import AppConfig


class SystemConfig(AppConfig):
    name = "backend.system"
    label = "system"
