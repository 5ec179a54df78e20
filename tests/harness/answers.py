"""An engine's answers, held against its own description of them (src/api/docker/openapi.json)."""

import functools
import json
import pathlib
import re
import sys

try:
    import fastjsonschema
except ModuleNotFoundError:  # another Python than Debian's, which its packages are for
    sys.path.append("/usr/lib/python3/dist-packages")
    import fastjsonschema

DESCRIPTION = pathlib.Path(__file__).parents[2] / "src/api/docker/openapi.json"
GREEDY = ("/images/", "/distribution/", "/containers/{id}$")  # names of images hold slashes


@functools.cache
def description():
    return json.loads(DESCRIPTION.read_text())


@functools.cache
def templates():
    """(pattern, its operations), those with fewer variables first."""
    found = []
    for path, operations in description()["paths"].items():
        variable = ".+" if (path + "$").startswith(GREEDY) else "[^/]+"
        found.append((re.compile(re.sub(r"\\{\w+\\}", variable, re.escape(path)) + "/?"), path, operations))
    return sorted(found, key=lambda one: (one[1].count("{"), -len(one[1])))


@functools.cache
def checker(schema):
    """A function that raises for what is not of the schema (given as text)."""
    return fastjsonschema.compile({"$schema": "http://json-schema.org/draft-07/schema#", "allOf": [json.loads(schema)],
                                   "components": description()["components"]})


def response_to(method, path, status):
    """What describes such an answer, or None."""
    bare = re.sub(r"^/v\d+\.\d+/", "/", path).replace("/containers//", "/containers/")
    for pattern, _, operations in templates():
        operation = operations.get(method.lower())
        if operation and pattern.fullmatch(bare):
            responses = operation["responses"]
            found = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
            return resolved(found) if found else None
    return description()["components"]["responses"]["Error"] if status >= 400 else None


def resolved(response):
    while "$ref" in response:
        response = functools.reduce(dict.__getitem__, response["$ref"].removeprefix("#/").split("/"), description())
    return response


def complaint(answer):
    """What is wrong with a recorded answer; None when nothing is."""
    response = response_to(answer["method"], answer["path"], answer["status"])
    if response is None:
        return "is not described"
    media = next((media for kind, media in response.get("content", {}).items() if "json" in kind), None)
    if media is None:
        return "is described without JSON"
    body = answer["body"]
    for text in body.rstrip("\n").split("\n") if response.get("x-lines") else [body]:
        try:
            checker(json.dumps(media.get("schema", {})))(json.loads(text.lstrip("\x1e")))
        except (ValueError, fastjsonschema.JsonSchemaValueException) as error:
            return f"{error}: {text[:2000]}"
    return None


def complaints(file):
    """Of all answers in a record, told apart by what was asked."""
    found = {}
    for line in file.read_text(errors="replace").split("\n") if file.exists() else []:
        try:
            answer = json.loads(line)
        except ValueError:  # the last line's end, or what an engine was killed amid
            continue
        what = complaint(answer)
        if what:
            found.setdefault(f"{answer['method']} {answer['path']} {answer['status']}", what)
    return [f"{asked}: {what}" for asked, what in found.items()]
