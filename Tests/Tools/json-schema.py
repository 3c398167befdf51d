"""Validates documents against the schemas of apreserve with the Python library jsonschema, and checks that the schemas
are strict: a document with one key more, or without a required one, is refused.

    json-schema.py SCHEMAS FILE...

SCHEMAS is the directory of the schemas. A file NAME.ANYTHING has a document of that name, or one on each line.
"""

import copy
import json
import pathlib
import sys

from jsonschema import Draft202012Validator

# Objects whose keys are not apreserve's.
OPEN = {"properties"}


def documents(file):
    text = file.read_text(encoding="utf-8")
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


def objects(value, path=()):
    """The places of all objects in a value."""
    if isinstance(value, dict):
        yield path
        for key, member in value.items():
            if key not in OPEN:
                yield from objects(member, path + (key,))
    if isinstance(value, list):
        # Elements of one list have the same schema: a few of them are as good as all.
        for index, element in enumerate(value[:3]):
            yield from objects(element, path + (index,))


def changed(document, path, change):
    document = copy.deepcopy(document)
    place = document
    for key in path:
        place = place[key]
    change(place)
    return document


def check_descriptions(schema, name):
    """Every key of every object says what it is."""
    for key, member in schema.get("properties", {}).items():
        assert member.get("description", "").endswith("."), f"{name}: {key} has no description"
        check_descriptions(member, name)
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            check_descriptions(schema[part], name)
    for part in schema.get("oneOf", []) + schema.get("anyOf", []) + list(schema.get("$defs", {}).values()):
        check_descriptions(part, name)


def required(schema, document):
    """The keys that a document must have, of those of its kind if there are several."""
    variants = schema.get("oneOf", [schema])
    return next(
        variant["required"]
        for variant in variants
        if Draft202012Validator(variant | {"$defs": schema["$defs"]}).is_valid(document)
    )


validators = {}
for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    schema = json.loads(file.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    check_descriptions(schema, file.stem)
    assert schema["$id"] == f"urn:apreserve:{file.stem}:1", schema["$id"]
    validators[file.stem] = Draft202012Validator(schema)

seen = {}
for argument in sys.argv[2:]:
    file = pathlib.Path(argument)
    name = file.name.split(".")[0]
    validator = validators[name]
    found = documents(file)
    assert found, f"{file.name} is empty"
    for document in found:
        kind = document.get("apreserve", name)
        assert kind == name, f"{file.name} is of the kind {kind}"
        for error in validator.iter_errors(document):
            sys.exit(f"{file.name}: {error.json_path}: {error.message}")
    for document in found[:20]:
        seen[name] = seen.get(name, 0) + 1
        for path in objects(document):
            more = changed(document, path, lambda place: place.update({"surplus": 1}))
            assert not validator.is_valid(more), f"{file.name}: {path} may have any key"
        for key in required(validator.schema, document):
            less = changed(document, (), lambda place: place.pop(key))
            assert not validator.is_valid(less), f"{file.name}: {key} may be missing"

missing = sorted(set(validators) - set(seen))
assert not missing, f"no document of these was checked: {missing}"
