"""WatchOptions: what of the predictions is watched, from the inference's saved configuration and the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict
from rest_framework import serializers

__all__ = ["MapOptions", "WatchOptions", "watch_options"]

_MAX_POSITION = 65_535


@dataclass(frozen=True)
class MapOptions:
    """Where latitude and longitude are: positions among the outputs, or among the input's values."""

    source: Literal["output", "input"]
    latitude: int
    longitude: int


@dataclass(frozen=True)
class WatchOptions:
    """``type`` None: the model's training decides, or the first prediction where training does not tell.

    ``outputs``: those drawn, all when empty. The window is in milliseconds.
    """

    type: Literal["classification", "regression"] | None = None
    average_updated: bool = False
    average_window: int = 5_000
    outputs: tuple[int, ...] = ()
    map: MapOptions | None = None


class WatchQuerySerializer(serializers.Serializer[Any]):
    """Overrides of the saved configuration, so that a page shows a change before it is saved."""

    type = serializers.ChoiceField(choices=["auto", "classification", "regression"], required=False)
    average_updated = serializers.BooleanField(required=False)
    average_window = serializers.IntegerField(min_value=1, max_value=86_400_000, required=False)
    outputs = serializers.RegexField(r"^([0-9]{1,5}(,[0-9]{1,5}){0,99})?\Z", required=False, allow_blank=True)
    map = serializers.RegexField(r"^(off|(output|input):[0-9]{1,5}:[0-9]{1,5})\Z", required=False)

    def validate_map(self, text: str) -> str:
        if text != "off" and max(map(int, text.split(":")[1:])) > _MAX_POSITION:
            raise serializers.ValidationError(f"expected positions up to {_MAX_POSITION}")
        return text


def watch_options(saved: Mapping[str, Any] | None, query: QueryDict) -> WatchOptions:
    """Return the options; a value in ``query`` wins over ``saved``. Raises ValidationError (REST framework's)."""
    unknown = sorted(set(query) - set(WatchQuerySerializer().fields))
    if unknown:
        raise serializers.ValidationError({name[:100]: "there is no such parameter" for name in unknown[:20]})
    serializer = WatchQuerySerializer(data=query.dict())
    serializer.is_valid(raise_exception=True)
    given: Mapping[str, Any] = serializer.validated_data
    config = saved or {}
    kind = given.get("type", config.get("type"))
    outputs = (
        tuple(int(part) for part in given["outputs"].split(",") if part)
        if "outputs" in given
        else tuple(label["id"] for label in config.get("labels", ()))
    )
    return WatchOptions(
        type=None if kind == "auto" else kind,
        average_updated=given.get("average_updated", config.get("average_updated", False)),
        average_window=given.get("average_window", config.get("average_window", 5_000)),
        outputs=outputs,
        map=_map_of(given.get("map"), config.get("map")),
    )


def _map_of(given: str | None, saved: Mapping[str, Any] | None) -> MapOptions | None:
    if given is not None and given != "off":
        source, latitude, longitude = given.split(":")
        return MapOptions("input" if source == "input" else "output", int(latitude), int(longitude))
    if given == "off" or not saved:
        return None
    return MapOptions(saved["source"], saved["latitude"], saved["longitude"])
