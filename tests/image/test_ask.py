"""What registries are asked besides images: tags, referrers, searches."""

import base64
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


INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"


class Documents:
    """Puts documents into a registry in memory."""

    def __init__(self, registry):
        self.registry = registry

    def blob(self, content, media_type=CONFIG):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        self.registry.blobs[digest] = content
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def manifest(self, content, *names, media_type=MANIFEST):
        described = self.blob(content, media_type)
        body = self.registry.blobs.pop(described["digest"])
        for name in (described["digest"], *names):
            self.registry.manifests[name] = (media_type, body)
        return described

    def image(self, config, *names, **fields):
        return self.manifest({"schemaVersion": 2, "config": config, "layers": [], **fields}, *names)

    def index(self, manifests, *names):
        return self.manifest({"schemaVersion": 2, "manifests": manifests}, *names, media_type=INDEX)


@pytest.fixture
def documents():
    with ScriptedRegistry() as registry:
        yield Documents(registry)


def test_a_distribution_has_the_platforms_that_are_told(stores, documents):
    full = {"architecture": "arm64", "os": "linux", "os.version": "1", "os.features": ["f"], "variant": "v8"}
    image = documents.image(documents.blob(full), "1")
    name = f"{documents.registry.name}/app:1"
    # The document names no type: the registry's word for it is taken.
    assert ask(stores, "distribution", name) == {"Descriptor": image, "Platforms": [full]}
    documents.image(documents.blob({}), "1")
    assert ask(stores, "distribution", name)["Platforms"] is None
    documents.image(documents.blob(b"any", "application/x-thing"), "1", artifactType="application/x-thing")
    assert ask(stores, "distribution", name)["Platforms"] is None
    top = documents.index([{**image, "platform": full}, image], "1")
    assert ask(stores, "distribution", name) == {"Descriptor": top,
                                                 "Platforms": [full, {"architecture": "", "os": ""}]}
    digest = f"{documents.registry.name}/app@{image['digest']}"
    assert ask(stores, "distribution", digest)["Descriptor"] == image


@pytest.mark.parametrize("config, says", [
    ({"digest": "sha256:" + "7" * 64, "size": 2, "mediaType": CONFIG}, "image config"),
    ({"size": 5 << 20}, "larger than 4 MiB"),
    ({"size": 1}, "larger than the 1 bytes")])
def test_a_config_that_is_not_what_its_manifest_says_is_an_error(stores, documents, config, says):
    documents.image({**documents.blob({"os": "linux"}), **config}, "1")
    with pytest.raises(Failed, match=says):
        ask(stores, "distribution", f"{documents.registry.name}/app:1")


def test_a_config_with_other_bytes_is_an_error(stores, documents):
    config = documents.blob({"os": "linux"})
    documents.registry.blobs[config["digest"]] = b'{"os":"other"}'[:config["size"]].ljust(config["size"])
    documents.image(config, "1")
    with pytest.raises(Failed, match="the registry sent bytes of another digest"):
        ask(stores, "distribution", f"{documents.registry.name}/app:1")


def test_manifests_come_as_they_are(stores, documents):
    image = documents.image(documents.blob({"os": "linux", "architecture": "arm"}), "1")
    name = f"{documents.registry.name}/app:1"
    raw = documents.registry.manifests["1"][1]
    plain = {"Ref": name, "Descriptor": image, "Raw": base64.b64encode(raw).decode()}
    assert ask(stores, "manifest", name) == plain
    platform = {"architecture": "arm", "os": "linux"}
    assert ask(stores, "manifests", name) == {**plain, "Descriptor": {**image, "platform": platform}}
    inner = documents.index([], "inner")
    top = documents.index([{**image, "platform": platform}, inner], "1")
    assert ask(stores, "manifest", name)["Descriptor"] == top
    first, second = ask(stores, "manifests", name)
    assert first["Ref"] == f"{name}@{image['digest']}" and first["Descriptor"] == {**image, "platform": platform}
    assert second["Ref"] == f"{name}@{inner['digest']}" and second["Descriptor"] == inner
    documents.index([{**image, "digest": "sha256:../x"}], "1")
    with pytest.raises(Failed, match="is not a sha256 digest"):
        ask(stores, "manifests", name)
    documents.index([{**image, "digest": "sha256:" + "8" * 64}], "1")
    with pytest.raises(Failed, match="@sha256:8+ not found"):
        ask(stores, "manifests", name)


def test_an_index_of_too_much_is_an_error(stores, documents):
    big = [documents.image(documents.blob({}), annotations={"a": letter * 400_000}) for letter in "abcd"]
    documents.index(big, "1")
    name = f"{documents.registry.name}/app"
    assert ask(stores, "manifest", f"{name}@{big[0]['digest']}")["Descriptor"] == big[0]
    with pytest.raises(Failed, match="the registry's answer is larger than 900000 bytes"):
        ask(stores, "manifests", f"{name}:1")
    # No more is fetched than can be told.
    assert not documents.registry.seen("GET", big[3]["digest"])


@pytest.mark.parametrize("body, says", [(b"not json", "parse"), (b'{"schemaVersion": 1}', "schema"),
                                        (b"{}", "neither an image manifest nor an index")])
@pytest.mark.parametrize("question", ["distribution", "manifest", "manifests"])
def test_a_document_of_no_kind_is_refused(stores, documents, question, body, says):
    documents.manifest(body, "1", media_type="application/json")
    with pytest.raises(Failed, match=says):
        ask(stores, question, f"{documents.registry.name}/app:1")


def test_a_mirror_may_answer(stores, documents, registry):
    image = documents.image(documents.blob({"os": "linux"}), "1")
    sources = [{"host": "127.0.0.1:1", "path": "app"}, {"host": documents.registry.name, "path": "app"}]
    assert ask(stores, "manifest", "far.test/app:1", sources=sources)["Descriptor"] == image
    with pytest.raises(Failed, match=f"manifest for {documents.registry.name}/app:2 not found"):
        ask(stores, "manifest", "far.test/app:2", sources=sources)
