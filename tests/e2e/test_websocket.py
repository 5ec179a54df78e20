"""Attaching by WebSocket: GET /containers/NAME/attach/ws."""

import pytest
from harness.wait import wait_until
from harness.websocket import BINARY, PING, PONG, TEXT, Refused, WebSocket

BOX = "estiba/busybox"
NONE = ["--network", "none"]
ALL = "stdin=1&stdout=1&stderr=1&stream=1"


def attach(engine, name, query=ALL, version="/v1.52"):
    return WebSocket(engine, f"{version}/containers/{name}/attach/ws?{query}")


def test_both_outputs_come_bare_and_the_end_is_told(engine):
    engine.cli("create", "-i", "--name", "cat", *NONE, BOX, "sh", "-c", "cat; echo last >&2; exit 3")
    with attach(engine, "cat") as web:  # before it runs: it waits for the start
        engine.cli("start", "cat")
        web.send(b"one\n")
        assert web.read(b"\n") == b"one\n"
        web.send(b"two ", TEXT, last=False)  # in parts, with a ping between them
        web.send(b"you?", PING)
        assert web.receive() in ((PONG, b"you?"), (BINARY, b"two "))
        web.send(b"and three\n", 0)
        wait_until(lambda: "two and three" in engine.out("logs", "cat"), "what came in parts is one")
        web.close()
        web.until_close()
    engine.cli("rm", "-f", "cat")

    engine.cli("create", "--name", "speaks", *NONE, BOX, "sh", "-c", "echo out; echo err >&2")
    with attach(engine, "speaks") as web:
        engine.cli("start", "speaks")
        data, code = web.until_close()
        assert sorted(data.split()) == [b"err", b"out"] and code == 1000
        web.close()
        assert web.receive() == (None, b"")


def test_streams_are_chosen_since_1_42_and_text_came_before_1_28(engine):
    engine.cli("run", "-d", "--name", "said", *NONE, BOX, "sh", "-c", "echo out; echo err >&2; sleep 1000")
    wait_until(lambda: "err" in engine.cli("logs", "said").stderr, "it has said both")
    for version, query, said in [("/v1.52", "logs=1&stdout=1", {b"out"}), ("/v1.42", "logs=1&stderr=1", {b"err"}),
                                 ("/v1.41", "logs=1", {b"out", b"err"})]:
        with attach(engine, "said", query, version) as web:
            assert set(web.until_close()[0].split()) == said
    for version, opcode in (("/v1.27", TEXT), ("/v1.28", BINARY)):
        with attach(engine, "said", "logs=1", version) as web:
            assert web.receive()[0] == opcode
    engine.cli("rm", "-f", "said")


def test_a_terminal_and_its_detach_keys(engine):
    engine.cli("run", "-dit", "--name", "tty", *NONE, BOX, "sh")
    with attach(engine, "tty", ALL + "&detachKeys=ctrl-x") as web:
        web.send(b"echo a$((1+1))b\n")
        web.read(b"a2b\r\n")
        web.send(b"\x18")
        assert web.until_close()[1] == 1000
    assert engine.state("tty")["Running"]
    engine.cli("rm", "-f", "tty")


def test_what_breaks_the_protocol_ends_the_connection_alone(engine):
    engine.cli("run", "-di", "--name", "cat", *NONE, BOX, "cat")
    for content in (b"\x82\x02hi", b"\x82\xff\xff" + b"\xff" * 11, b"GET / HTTP/1.1\r\n\r\n",
                    b"\x89\xfe\x01\x00" + bytes(260)):
        with attach(engine, "cat") as web:
            web.send_raw(content)
            assert web.until_close()[1] == 1002
            assert web.receive() == (None, b"")
    with attach(engine, "cat") as web:  # 4 EiB are promised, and what comes of them goes in
        web.send_raw(b"\x82\xff\x40" + bytes(7) + bytes(4) + b"begun\n")
        assert web.read(b"\n") == b"begun\n"
    wait_until(lambda: engine.state("cat")["Running"], "it goes on")
    with attach(engine, "cat") as web:
        web.send(b"x" * 200_000 + b"\n")
        assert len(web.read(b"\n")) == 200_001
    engine.cli("rm", "-f", "cat")


def test_what_is_no_websocket_is_refused(engine):
    engine.cli("create", "--name", "box", *NONE, BOX, "true")
    status, answer = engine.api("GET", f"/containers/box/attach/ws?{ALL}")
    assert status == 400 and "Upgrade: websocket" in answer["message"]
    with pytest.raises(Refused) as refused:
        attach(engine, "nobody")
    assert refused.value.args[0] == 404 and "No such container: nobody" in refused.value.args[1]
    with pytest.raises(Refused) as refused:
        attach(engine, "box", ALL + "&detachKeys=ctrl-")
    assert refused.value.args[0] == 400
    engine.cli("rm", "box")
