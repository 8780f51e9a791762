"""The form of an upload, as OpenAPI says it: the route reads its bytes itself."""

from typing import Any

from unitscale.models.datasets import DatasetForm


def _form() -> dict[str, Any]:
    schema = DatasetForm.model_json_schema(ref_template="#/components/schemas/{model}")
    schema.pop("$defs", None)
    file = {"type": "string", "format": "binary", "description": "The data set; its name's ending tells its format."}
    fields: dict[str, Any] = {"file": file, **schema["properties"]}
    fields["name"] = {**fields["name"], "description": "The file's own name by default."}
    return {"type": "object", "properties": fields, "required": ["file", "task"], "additionalProperties": False}


UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _form()}}}
}
