"""The OpenAPI document: what the server takes and answers."""

from typing import Any

from pydantic import TypeAdapter

from paddle_alexnet.inference.predict import Prediction
from paddle_alexnet.serve.explanation import Explanation
from paddle_alexnet.serve.limits import Limits

REASONS = {
    400: "Nothing was sent, or no form where the request says so",
    403: "The request names another machine in Host",
    404: "The server runs a graph, which gives no gradients",
    413: "The request has too many bytes or parts, or an image too many pixels",
    415: "What was sent is no image",
    500: "The net gives no finite scores, or a fault of the server",
    503: "Too much at the same time; Retry-After says when to try again",
}
UPLOAD = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "additionalProperties": {
                    "type": "array",
                    "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                },
            }
        },
        "*/*": {"schema": {"description": "The bytes of one image"}},
    },
}


def document(limits: Limits, *, explains: bool) -> dict[str, Any]:
    """The document of a server, OpenAPI 3.1.

    Args:
        limits: Named in it.
        explains: Whether ``/explain`` is there.
    """
    schemas: dict[str, Any] = {
        "Error": {
            "type": "object",
            "properties": {"error": {"type": "string"}},
            "required": ["error"],
            "additionalProperties": False,
        }
    }
    for kind in (Prediction, Explanation):
        schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {})
        schemas[kind.__name__] = schema
    limit = f"At most {limits.body:,} bytes and {limits.images} images, each of {limits.pixels:,} "
    paths = {
        "/": {"get": _operation("The page", {"text/html": {"schema": {"type": "string"}}})},
        "/predict": {
            "post": {
                **_operation(
                    f"The best classes of one or several images. {limit}pixels.",
                    _json({"type": "array", "items": _reference("Prediction")}),
                    (400, 413, 415, 500, 503),
                ),
                "requestBody": UPLOAD,
            }
        },
        "/explain": {
            "post": {
                **_operation(
                    "The best classes of one image, a heat map, and the nearest images"
                    + ("." if explains else " (not on this server)."),
                    _json(_reference("Explanation")),
                    (400, 404, 413, 415, 500, 503),
                ),
                "requestBody": UPLOAD,
            }
        },
        "/healthz": {
            "get": _operation(
                "Whether the net can be asked",
                _json(
                    {
                        "type": "object",
                        "properties": {"status": {"const": "ok"}},
                        "required": ["status"],
                    }
                ),
                (503,),
            )
        },
        "/metrics": {
            "get": _operation(
                "Counters for Prometheus", {"text/plain": {"schema": {"type": "string"}}}
            )
        },
        "/openapi.json": {"get": _operation("This document", _json({"type": "object"}))},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "AlexNet in PaddlePaddle", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }


def _operation(summary: str, content: dict, errors: tuple[int, ...] = ()) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "Done", "content": content}}
    for status in sorted({403, *errors}):
        answers[str(status)] = {
            "description": REASONS[status],
            "content": _json(_reference("Error")),
            **(
                {"headers": {"Retry-After": {"schema": {"type": "integer"}}}}
                if status == 503
                else {}
            ),
        }
    return {"summary": summary, "responses": answers}


def _json(schema: dict) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}
