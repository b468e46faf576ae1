from django.apps import AppConfig


class MLModelsConfig(AppConfig):
    name = "backend.ml_models"
    label = "ml_models"
