"""What registries are asked besides images: tags, referrers, searches."""

import hashlib
import json

import pytest

from harness.scripted_registry import ScriptedRegistry
from transfer import Failed, Transfer

SUBJECT = "sha256:" + "5" * 64
REFERRER = {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:" + "6" * 64, "size": 7,
            "artifactType": "application/example", "annotations": {"a": "b"}}


def ask(stores, question, reference, **job):
    done = Transfer(stores, {"kind": "ask", "question": question, "reference": reference, **job}).finish()
    answers = [event["answer"] for event in done.events if event["kind"] == "answer"]
    assert len(answers) == 1
    return json.loads(answers[0])


def test_tags_of_all_pages_without_digests(stores):
    pages = [json.dumps({"tags": ["a", SUBJECT]}), '{"tags": null}', '{"name": "app"}', json.dumps({"tags": ["b"]})]
    with ScriptedRegistry(pages=pages) as registry:
        assert ask(stores, "tags", f"{registry.name}/app") == ["a", "b"]
        assert len(registry.seen("GET", "/tags/list")) == 4
        assert "n=1000" in registry.seen("GET", "/tags/list")[0][1]


@pytest.mark.parametrize("body", ["not json", "[]", '{"tags": [1, {}]}'])
def test_lists_that_are_none_are_errors_or_empty(stores, body):
    with ScriptedRegistry(pages=[body]) as registry:
        if body == "not json":
            with pytest.raises(Failed, match="list of tags of"):
                ask(stores, "tags", f"{registry.name}/app")
        else:
            assert ask(stores, "tags", f"{registry.name}/app") == []


def test_a_name_that_is_not_there_is_named(stores, registry):
    with pytest.raises(Failed, match=f"list of tags of {registry.name}/nosuch not found"):
        ask(stores, "tags", f"{registry.name}/nosuch")


def test_referrers_by_the_registrys_list(stores):
    with ScriptedRegistry(referrers=[REFERRER]) as registry:
        assert ask(stores, "referrers", f"{registry.name}/app@{SUBJECT}") == [REFERRER]


def test_referrers_by_the_tag_where_there_is_no_list(stores):
    index = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                        "manifests": [REFERRER]}).encode()
    manifest = b'{"schemaVersion":2}'
    digest = "sha256:" + hashlib.sha256(manifest).hexdigest()
    with ScriptedRegistry() as registry:
        assert ask(stores, "referrers", f"{registry.name}/app@{SUBJECT}") == []
        registry.manifests[digest.replace(":", "-")] = ("application/vnd.oci.image.index.v1+json", index)
        registry.manifests["1"] = ("application/vnd.oci.image.manifest.v1+json", manifest)
        assert ask(stores, "referrers", f"{registry.name}/app:1") == [REFERRER]


def test_a_search_where_it_is_offered(stores, registry):
    found = [{"name": "app", "description": "one\x1bline", "star_count": 3, "is_official": True}, {"name": "other"}]
    with ScriptedRegistry(found=found) as odd:
        answer = ask(stores, "search", odd.name, term="a b", limit=1)
        assert answer == [{"star_count": 3, "is_official": True, "name": "app", "is_automated": False,
                           "description": "one line"}]
        assert odd.seen("GET", "/v1/search?q=a%20b&n=1")
    with pytest.raises(Failed, match="offers no search"):
        ask(stores, "search", registry.name, term="app", limit=5)
