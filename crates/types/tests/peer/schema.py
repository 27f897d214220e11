#!/usr/bin/env python3
"""Records Glance's image schemas, and what it answers to bodies that do not match, for src/schema/tests.rs.

Run with the Python of a virtual environment that holds Glance:

    python schema.py > schema.json

Descriptions are replaced by a rule the test follows too, since ours are in our own words.
"""

import copy
import json
import random
import warnings

warnings.filterwarnings("ignore")

from glance.api.v2 import images
from glance.common import exception
from oslo_config import cfg

CONF = cfg.CONF
CONF([], default_config_files=[])

OPTIONS = {
    "default": {},
    "formats": {"container_formats": ["bare"], "disk_formats": ["raw", "it's", 'a "b"', "gpt"]},
    "flat": {"custom": {
        "kernel_id": {"type": ["null", "string"], "description": "x",
                      "pattern": "^([0-9a-f]){8}-([0-9a-f]){4}-([0-9a-f]){4}-([0-9a-f]){4}-([0-9a-f]){12}$"},
        "description": {"description": "x", "type": "string"},
        "policy": {"type": "string", "enum": ["on_image_deletion", "do_not_delete"]},
        "number": {"minimum": 2, "maximum": 9.5, "type": ["integer", "string"]},
        "open": {"exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "list": {"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": True, "items": {"enum": [1, 2.5, None]}},
        "none": {"maxItems": 0, "maxLength": 0},
        "some": {"minLength": 1},
        "fixed": {"const": {"a": [1]}},
        "is_base": {"type": "boolean", "is_base": True},
    }},
    "extended": {"custom": {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b", "a"]}},
    "empty required": {"custom": {"properties": {"a": {"type": "string"}}, "required": []}},
}

LONG = "a rather long text with many words, it's here to be broken over several lines of the message"
ODD = ["", "x", "it's", 'say "hi"', "it's \"both\"", "back\\slash", "tab\tnew\nline\r\n", "nul\x00\x1f\x7f\x80\xa0\xad",
       "\u00e9\u0301\u200b\u2028\u3000\u4e2d", "\U0001F600\U000E0001\uE000\uFEFF", LONG, LONG * 3, "word " * 40, "y" * 90,
       "first line\n" + "second line is long " * 5 + "\n\nlast", "  leading", "a\x1cb " * 30, "\n" * 60, "\u00fc " * 60]
VALUES = [None, True, False, 0, 1, -5, 1.0, 1.5, -0.0, 1e16, 1e22, 123456789.125, 0.0001, 0.00001, 1e-7, 2 ** 63,
          2 ** 64 - 1, [], {}, [1], {"a": 1}, [[[]]], {"k": {"l": {"m": [1, 2, {"n": None}]}}},
          list(range(30)), {"key %d" % i: "value %d" % i for i in range(12)}, [LONG, LONG], {LONG: LONG},
          {"a": LONG * 2, "b": [LONG, {"c": LONG}]}] + ODD
NAMES = ["id", "name", "status", "visibility", "protected", "os_hidden", "checksum", "os_hash_algo", "os_hash_value",
         "owner", "size", "virtual_size", "container_format", "disk_format", "created_at", "tags", "min_ram", "min_disk",
         "stores", "locations", "other", "it's"]
GOOD = {"url": "http://x", "metadata": {}}
HASHES = {"os_hash_algo": "sha512", "os_hash_value": "0"}


def bodies(chance):
    for value in VALUES:
        for name in ("min_ram", "tags"):
            yield "default", {name: value}
    for name in NAMES:
        for value in (5, "x", None, ["x"], True, {"a": 1}):
            yield "default", {name: value}
    yield "default", {}
    for text in ("00000000-0000-0000-0000-000000000000", "ABCDEFAB-0000-0000-0000-00000000000",
                 "x00000000-0000-0000-0000-000000000000"):
        yield "default", {"id": text}
    for length in (31, 32, 33, 64, 65, 128, 129, 255, 256):
        for name in ("name", "owner", "checksum", "os_hash_algo", "os_hash_value", "other"):
            yield "default", {name: "\u00e9" * length}
        yield "default", {"tags": ["ok", "z" * length]}
    for location in ({}, GOOD, {"url": "x"}, {"metadata": {}}, GOOD | {"url": 5}, GOOD | {"metadata": []},
                     GOOD | {"other": 1}, GOOD | {"validation_data": 5}, GOOD | {"validation_data": {}},
                     GOOD | {"validation_data": {"os_hash_algo": "x"}}, GOOD | {"validation_data": HASHES},
                     GOOD | {"validation_data": HASHES | {"b": 1, "a": 2}}, GOOD | {"validation_data": HASHES | {"b": 1}},
                     GOOD | {"validation_data": HASHES | {"checksum": "short"}}, GOOD | {"url": "u" * 300}):
        yield "default", {"locations": [location]}
        yield "default", {"locations": [GOOD, location], "name": "x"}
    for words in ("formats", "default"):
        for value in ("raw", "qcow2", "ploop", "gpt", "it's", None, "", 7, "RAW"):
            yield words, {"disk_format": value}
            yield words, {"container_format": value}
    for name, values in {
        "kernel_id": ["x", None, 5, "00000000-0000-0000-0000-000000000000"], "description": [None, "x"],
        "policy": ["on_image_deletion", "x", 5], "number": [1, 2, 9.5, 9, 10, "x", None, 1.5, True, 12.5],
        "open": [0, 1, 0.5, -1, 2, "x"], "list": [[], [1], [1, 1.0], [3], [1, 2.5, None, 1], [True], "x", ["1", 2.50]],
        "none": [[], [1], "", "x", 5], "some": ["", "x", 5], "fixed": [{"a": [1]}, {"a": [1.0]}, {"a": [1, 1]}, {}, 1],
        "is_base": [True, "x"],
    }.items():
        for value in values:
            yield "flat", {name: value}
    for body in ({}, {"a": "x"}, {"b": "x"}, {"a": "x", "b": "y"}, {"a": 1, "b": "y"}, {"name": 5}):
        yield "extended", body
        yield "empty required", body
    for _ in range(40):
        names = chance.sample(NAMES, chance.randint(2, 4))
        yield "default", {name: chance.choice(VALUES) for name in names}


def reword(schema, name=""):
    """Puts the words the test expects in place of each description."""
    if isinstance(schema, list):
        for item in schema:
            reword(item, name)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "description" and isinstance(value, str):
                schema[key] = " ".join(["words about '%s'" % name] * 5)
            else:
                reword(value, key)


def main():
    schemas, documents = {}, {}
    for name, options in OPTIONS.items():
        for key in ("container_formats", "disk_formats"):
            CONF.clear_override(key, "image_format")
            if key in options:
                CONF.set_override(key, options[key], "image_format")
        custom = copy.deepcopy(options.get("custom"))
        schemas[name] = images.get_schema(custom)
        reword(schemas[name].properties)
        collection = images.get_collection_schema(copy.deepcopy(options.get("custom"))).raw()
        reword(collection)
        documents[name] = {"options": options, "image": schemas[name].raw()}
        if name in ("default", "extended"):
            documents[name]["images"] = collection
    answers, seen = [], set()
    for name, body in bodies(random.Random(33)):
        text = json.dumps([name, body])
        if text in seen:
            continue
        seen.add(text)
        message = None
        try:
            schemas[name].validate(json.loads(json.dumps(body)))
        except exception.InvalidObject as error:
            message = error.msg
        answers.append({"options": name, "body": body, "message": message})
    print('{"documents":' + json.dumps(documents) + ',\n"answers":[')
    print(",\n".join(json.dumps(answer) for answer in answers) + "]}")


if __name__ == "__main__":
    main()
