"""Many containers, one after the other and at once; attached clients do not stand in each other's way. Each test
ends in the leak check of the `engine` fixture."""

import concurrent.futures
import time


def test_in_a_row(engine, full):
    for number in range(200 if full else 20):
        name = f"row{number}"
        engine.cli("run", "-d", "--name", name, "-p", "127.0.0.1::80", "estiba/busybox", "sleep", "1000")
        engine.cli("stop", "-t", "0", name)
        engine.cli("rm", name)


def test_twenty_at_a_time(engine, full):
    def one(number):
        name = f"many{number}"
        engine.cli("run", "-d", "--name", name, "estiba/busybox", "sleep", "1000")
        engine.cli("stop", "-t", "0", name)
        engine.cli("rm", name)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(one, range(200 if full else 40)))


def test_twenty_attached_runs_do_not_delay_another(engine):
    engine.cli("run", "--rm", "estiba/busybox", "true")
    attached = [engine.popen("run", "--rm", "-i", "estiba/busybox", "cat", stdin=-1) for _ in range(20)]
    try:
        for client in attached:  # each is really there: it echoes
            client.stdin.write("x\n")
            client.stdin.flush()
            assert client.stdout.readline() == "x\n"
        started = time.monotonic()
        assert engine.out("run", "--rm", "estiba/busybox", "echo", "here") == "here"
        assert time.monotonic() - started < 10  # a blocked start would wait for ever
    finally:
        for client in attached:
            client.stdin.close()
        codes = [client.wait(30) for client in attached]
    assert codes == [0] * 20


def test_exit_codes_of_many_at_once(engine):
    def one(code):
        return engine.cli("run", "--rm", "--network", "none", "estiba/busybox", "sh", "-c", f"exit {code}",
                          check=False).returncode

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(24))) == list(range(24))
