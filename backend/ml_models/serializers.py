"""Models as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.filters import SearchFilter
from rest_framework.validators import UniqueValidator

from backend.api.documents import ReportField, ReportSerializer
from backend.api.fields import NameField, TextField
from backend.ml_models.models import MLModel, framework_choices
from backend.ml_models.selectors import code_match

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
    """An argument of a framework. ``default`` is written as in Python.

    ``alias_of`` is the argument that it is another name for, and empty if it is not an alias. ``known_as`` is its name
    in the other framework, and empty if the name is the same.
    """

    meaning = serializers.CharField()
    expected = serializers.CharField(source="kind.expected")
    default = serializers.CharField()
    alias_of = serializers.CharField(allow_blank=True)
    known_as = serializers.CharField(allow_blank=True)


class ArgumentsSerializer(serializers.Serializer[Any]):
    """The arguments for one purpose, by name, the most common ones first. ``first`` is the initial text of a form."""

    about = serializers.CharField()
    example = serializers.CharField()
    first = serializers.CharField(allow_blank=True)
    accepted = serializers.DictField(child=ArgumentSerializer())


class PurposesSerializer(serializers.Serializer[Any]):
    """The arguments of training, and those of validation and test."""

    fit = ArgumentsSerializer()
    evaluation = ArgumentsSerializer()


class ChainNamesSerializer(serializers.Serializer[Any]):
    """What distributed models can be trained with, by the names in Keras."""

    optimizers = serializers.ListField(child=serializers.CharField())
    losses = serializers.ListField(child=serializers.CharField())
    metrics = serializers.ListField(child=serializers.CharField())


class FileUseSerializer(serializers.Serializer[Any]):
    """What a file of a model is for. ``python`` loads the file, which it calls FILE. It is empty if another file loads
    it.
    """

    purpose = serializers.CharField()
    needs = serializers.ListField(
        child=serializers.CharField(), help_text="Packages that the file needs, by their names for pip."
    )
    python = serializers.CharField(allow_blank=True, trim_whitespace=False)
    auxiliary = serializers.BooleanField(help_text="Whether the file describes the run, and is not the model.")


class FrameworkSerializer(serializers.Serializer[Any]):
    """A framework: its names, its arguments, and its files."""

    name = serializers.ChoiceField(choices=FRAMEWORK_CHOICES)
    title = serializers.CharField()
    library = serializers.CharField()
    arguments = PurposesSerializer()
    artifacts = serializers.ListField(
        child=serializers.CharField(), help_text="Files that models are served from, the best first."
    )
    packages = serializers.ListField(child=serializers.CharField(), help_text="Packages that users' code can import.")
    files = serializers.DictField(child=FileUseSerializer(), help_text="Files that a training leaves, by name.")
    chain = ChainNamesSerializer(
        allow_null=True, help_text="What distributed models can be trained with. Null if there are none."
    )
    converts = serializers.BooleanField(help_text="Whether a trained model can be converted to ONNX.")


class UserOfSerializer(serializers.Serializer[Any]):
    """An object that uses another one."""

    id = serializers.IntegerField()
    name = serializers.CharField()


class CodeMatchSerializer(serializers.Serializer[Any]):
    """A line of source code, without the blanks around it. ``line`` counts from 1."""

    line = serializers.IntegerField(min_value=1)
    text = serializers.CharField()


class ModelRowSerializer(serializers.ModelSerializer[MLModel]):
    """A model in a list, without its source code and without the long parts of its report."""

    lower_model = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The sub-model that sends to this one. Null if there is none."
    )
    used_by = UserOfSerializer(
        source="used_in", many=True, read_only=True, help_text="Configurations that use the model."
    )
    report = serializers.SerializerMethodField()
    code_match = serializers.SerializerMethodField(
        help_text="The first line of the code that a search in a list found. Null without a search, and if the name or "
        "the description have all that was searched for."
    )

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
            "code_match",
            "used_by",
            "created_at",
            "updated_at",
        ]

    @extend_schema_field(ReportSerializer)
    def get_report(self, model: MLModel) -> dict[str, Any]:
        return {name: value for name, value in model.report.items() if name != "summary"}

    @extend_schema_field(CodeMatchSerializer(allow_null=True))
    def get_code_match(self, model: MLModel) -> dict[str, Any] | None:
        request, view = self.context.get("request"), self.context.get("view")
        if request is None or getattr(view, "action", "") != "list":
            return None
        return code_match(model, SearchFilter().get_search_terms(request))


class ModelSerializer(ModelRowSerializer):
    """A model with its source code and the whole report."""

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
    """Source code to check."""

    ticket = serializers.RegexField(
        r"^[0-9A-Za-z-]{0,64}$", default="", help_text="A name for this check, with which it can be cancelled."
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
    """What is wrong with source code. ``line`` counts from 1. ``source`` says in which of ``code`` and ``imports`` it
    is.
    """

    kind = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a declared field, not Field.source
    traceback = serializers.CharField()
    hint = serializers.CharField()


class VerdictSerializer(serializers.Serializer[Any]):
    """What the executor found: a ``report`` if the source code is valid, otherwise an ``error``. ``output`` is what it
    printed.
    """

    valid = serializers.BooleanField()
    report = ReportField(allow_null=True)
    error = VerdictErrorSerializer(allow_null=True)
    output = serializers.CharField()
