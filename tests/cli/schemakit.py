# SPDX-FileCopyrightText: 2026 The weir authors
# SPDX-License-Identifier: Apache-2.0
"""schemakit - as much of JSON Schema 2020-12 as the schemas of this tree use, and no more.

A keyword that it does not know is an error, so that no schema says more than is checked.
"""

import re

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
NOTES = {"$schema", "$defs", "title", "description", "x-default", "format"}


def is_type(value, name):
    if name in ("integer", "number"):
        kinds = int if name == "integer" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def of_object(schema, value, at, root):
    found = [f"{at}: lacks {name}" for name in schema.get("required", []) if name not in value]
    for name, item in value.items():
        parts = [part for key, part in schema.get("properties", {}).items() if key == name]
        parts += [part for pattern, part in schema.get("patternProperties", {}).items()
                  if re.search(pattern, name)]
        for part in parts or [schema.get("additionalProperties", True)]:
            found += errors(part, item, f"{at}/{name}", root)
    return found


def of_scalar(schema, value, at):
    found = []
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: {value!r} is not {schema['const']!r}")
    if isinstance(value, str):
        if not re.search(schema.get("pattern", ""), value):
            found.append(f"{at}: {value!r} does not match {schema['pattern']}")
        if len(value) < schema.get("minLength", 0):
            found.append(f"{at}: too short")
    if is_type(value, "number") and not (
            schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        found.append(f"{at}: {value} is out of range")
    return found


def errors(schema, value, at="", root=None):
    """What is wrong with the value, as a list of texts."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return [] if schema else [f"{at}: is not allowed"]
    unknown = set(schema) - NOTES - {
        "$ref", "additionalProperties", "anyOf", "const", "enum", "items", "maximum", "minItems",
        "minLength", "minimum", "pattern", "patternProperties", "properties", "required", "type"}
    found = [f"{at}: schemakit does not know {word}" for word in sorted(unknown)]
    if "$ref" in schema:
        found += errors(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, at, root)
    if "anyOf" in schema:
        tried = [errors(part, value, at, root) for part in schema["anyOf"]]
        found += [] if any(not one for one in tried) else min(tried, key=len)
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(is_type(value, name) for name in types):
        return found + [f"{at}: {value!r} is not of type {types}"]
    found += of_scalar(schema, value, at)
    if isinstance(value, dict):
        found += of_object(schema, value, at, root)
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            found.append(f"{at}: too few items")
        for i, item in enumerate(value):
            found += errors(schema.get("items", True), item, f"{at}/{i}", root)
    return found
