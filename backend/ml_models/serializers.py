"""Models as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.api.documents import ReportField, ReportSerializer
from backend.api.fields import NameField, TextField
from backend.ml_models.models import MLModel, framework_choices

__all__ = [
    "FrameworkSerializer",
    "ModelRowSerializer",
    "ModelSerializer",
    "ModelWriteSerializer",
    "SourceSerializer",
    "VerdictSerializer",
]

FRAMEWORK_CHOICES = framework_choices()
_MAX_CODE = 200_000
_MAX_IMPORTS = 20_000


class ArgumentSerializer(serializers.Serializer[Any]):
    """An argument; ``default`` as it is written. ``known_as`` is its name elsewhere, empty where it has but one."""

    meaning = serializers.CharField()
    expected = serializers.CharField(source="kind.expected")
    default = serializers.CharField()
    alias_of = serializers.CharField(allow_blank=True)
    known_as = serializers.CharField(allow_blank=True)


class ArgumentsSerializer(serializers.Serializer[Any]):
    """What can be given for one purpose, by name, the usual ones first; ``first`` is the text a form begins with."""

    about = serializers.CharField()
    example = serializers.CharField()
    first = serializers.CharField(allow_blank=True)
    accepted = serializers.DictField(child=ArgumentSerializer())


class PurposesSerializer(serializers.Serializer[Any]):
    """Arguments of training, and of validation and test."""

    fit = ArgumentsSerializer()
    evaluation = ArgumentsSerializer()


class ChainNamesSerializer(serializers.Serializer[Any]):
    """What distributed models can be trained with, by the names that Keras knows."""

    optimizers = serializers.ListField(child=serializers.CharField())
    losses = serializers.ListField(child=serializers.CharField())
    metrics = serializers.ListField(child=serializers.CharField())


class FileUseSerializer(serializers.Serializer[Any]):
    """What a file is for; ``python``, empty where another file loads it, loads the file called FILE there."""

    purpose = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField(), help_text="packages, as pip knows them")
    python = serializers.CharField(allow_blank=True, trim_whitespace=False)
    auxiliary = serializers.BooleanField(help_text="tells of the run, and is not the model")


class FrameworkSerializer(serializers.Serializer[Any]):
    """A framework: how people call it, what its training is called by, its arguments, what its models are kept as."""

    name = serializers.ChoiceField(choices=FRAMEWORK_CHOICES)
    title = serializers.CharField()
    library = serializers.CharField()
    arguments = PurposesSerializer()
    artifacts = serializers.ListField(child=serializers.CharField(), help_text="what it serves from, the best first")
    packages = serializers.ListField(child=serializers.CharField(), help_text="which user code finds")
    files = serializers.DictField(child=FileUseSerializer(), help_text="which a training leaves, by name")
    chain = ChainNamesSerializer(allow_null=True, help_text="null where it has no distributed models")
    converts = serializers.BooleanField(help_text="whether a trained model can be converted to ONNX")


class UserOfSerializer(serializers.Serializer[Any]):
    """Who uses something."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class ModelRowSerializer(serializers.ModelSerializer[MLModel]):
    """A model in a list: without source and without the long parts of the report."""

    lower_model = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="the sub-model that sends to this one"
    )
    used_by = UserOfSerializer(source="used_in", many=True, read_only=True, help_text="configurations")
    report = serializers.SerializerMethodField()

    class Meta:
        model = MLModel
        fields = [
            "id",
            "name",
            "description",
            "framework",
            "distributed",
            "upper_model",
            "lower_model",
            "report",
            "used_by",
            "created_at",
            "updated_at",
        ]

    @extend_schema_field(ReportSerializer)
    def get_report(self, model: MLModel) -> dict[str, Any]:
        return {name: value for name, value in model.report.items() if name != "summary"}


class ModelSerializer(ModelRowSerializer):
    """A model with its source and the whole report."""

    class Meta(ModelRowSerializer.Meta):
        fields = [*ModelRowSerializer.Meta.fields, "imports", "code"]

    @extend_schema_field(ReportSerializer)
    def get_report(self, model: MLModel) -> dict[str, Any]:
        return dict(model.report)


class SourceSerializer(serializers.Serializer[Any]):
    """Source code to check."""

    framework = serializers.ChoiceField(choices=FRAMEWORK_CHOICES)
    imports = TextField(max_length=_MAX_IMPORTS, default="")
    code = TextField(max_length=_MAX_CODE, allow_blank=False)
    distributed = serializers.BooleanField(default=False)


class CheckSerializer(SourceSerializer):
    """Source code to check now."""

    ticket = serializers.RegexField(
        r"^[0-9A-Za-z-]{0,64}$", default="", help_text="what the sender cancels this check by"
    )


class CancelSerializer(serializers.Serializer[Any]):
    """A check to cancel."""

    framework = serializers.ChoiceField(choices=FRAMEWORK_CHOICES)
    ticket = serializers.RegexField(r"^[0-9A-Za-z-]{1,64}$")


class ModelWriteSerializer(SourceSerializer):
    """A model to save."""

    name = NameField(validators=[UniqueValidator(MLModel.objects.all(), message="a model of this name exists")])
    description = TextField(max_length=10_000, default="")
    upper_model = serializers.PrimaryKeyRelatedField(queryset=MLModel.objects.all(), allow_null=True, default=None)


class VerdictErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with source code; ``line`` is 1-based in ``source`` (``code`` or ``imports``)."""

    kind = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a declared field, not Field.source
    traceback = serializers.CharField()
    hint = serializers.CharField()


class VerdictSerializer(serializers.Serializer[Any]):
    """An executor's verdict."""

    valid = serializers.BooleanField()
    report = ReportField(allow_null=True)
    error = VerdictErrorSerializer(allow_null=True)
    output = serializers.CharField()
