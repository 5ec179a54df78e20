"""What containers are called by: names with and without the slash that lists show, ids and their beginnings."""

BOX = "estiba/busybox"


def test_names_ids_and_prefixes(engine):
    identity = engine.out("create", "--name", "web", BOX, "true")
    for called in ("web", "/web", identity, identity[:12], "%2Fweb"):
        status, answer = engine.api("GET", f"/v1.41/containers/{called}/json")
        assert status == 200 and answer["Id"] == identity, (called, answer)
    assert engine.docker("inspect", "--format", "{{.Id}}", "/web").stdout.strip() == identity
    status, answer = engine.api("GET", "/containers/json?all=1")
    assert answer[0]["Names"] == ["/web"]
    made = [identity]
    while not (shared := [one for one in made[:-1] if one[0] == made[-1][0]]):  # of 17, two begin alike
        made.append(engine.out("create", BOX, "true"))
    status, answer = engine.api("GET", f"/containers/{made[-1][0]}/json")
    assert status == 400 and "Multiple IDs found with provided prefix" in answer["message"], answer
    both = [made[-1], shared[0]]
    length = next(size for size in range(1, 64) if both[0][:size] != both[1][:size])
    status, answer = engine.api("GET", f"/containers/{both[0][:length]}/json")
    assert status == 200 and answer["Id"] == both[0]
    status, answer = engine.api("DELETE", "/containers//web")
    assert status == 204
    status, answer = engine.api("GET", "/containers/web/json")
    assert status == 404 and answer["message"] == "No such container: web"
