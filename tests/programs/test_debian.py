"""Real programs in a real Debian: made by debootstrap, pushed to a real registry by skopeo, pulled and run."""

from harness.wait import wait_until

PG = "/usr/lib/postgresql/15/bin"


def test_python(pulled):
    engine, image = pulled
    assert engine.out("run", "--rm", image, "python3", "-c", "import sys, json; print(sum(range(10)))") == "45"


def test_the_root_is_debians(pulled):
    engine, image = pulled
    assert engine.out("run", "--rm", image, "cat", "/etc/debian_version").startswith("12")
    assert "4755" in engine.out("run", "--rm", image, "stat", "-c", "%a", "/usr/bin/su")


def test_a_second_pull_has_it_already(pulled):
    engine, image = pulled
    assert "Image is up to date for" in engine.cli("pull", image).stdout


def test_nginx_through_a_published_port(pulled):
    engine, image = pulled
    engine.cli("run", "-d", "--name", "web", "-p", "8080:80", image, "nginx", "-g", "daemon off;")
    answer = wait_until(lambda: (r := engine.host.run("curl", "-s", "http://127.0.0.1:8080/", check=False)).stdout,
                        "nginx answers")
    assert "Welcome to nginx" in answer
    engine.cli("rm", "-f", "web")


def ip_of(engine, name):
    return engine.inspect(name)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]


def test_redis_answers_another_container_and_keeps_its_data(pulled):
    engine, image = pulled
    engine.cli("volume", "create", "redisdata")
    engine.cli("run", "-d", "--name", "redis", "-v", "redisdata:/data", "-w", "/data", image, "redis-server",
               "--protected-mode", "no", "--appendonly", "yes")

    def ask(*words):
        return engine.cli("run", "--rm", image, "redis-cli", "-h", ip_of(engine, "redis"), *words,
                          check=False).stdout.strip()

    wait_until(lambda: ask("ping") == "PONG", "redis answers", 60)
    assert ask("set", "k", "kept") == "OK"
    engine.cli("restart", "redis")
    wait_until(lambda: ask("get", "k") == "kept", "the data is there after the restart", 60)
    engine.cli("rm", "-f", "redis")


def test_postgres_answers_another_container_and_keeps_its_data(pulled):
    engine, image = pulled
    script = (f"[ -d /data/pg ] || {PG}/initdb -D /data/pg -A trust >/dev/null && "
              "echo 'host all all 0.0.0.0/0 trust' >> /data/pg/pg_hba.conf; "
              f"exec {PG}/postgres -D /data/pg -h 0.0.0.0 -k /tmp")
    engine.cli("volume", "create", "pgdata")
    engine.cli("run", "--rm", "-v", "pgdata:/data", image, "chown", "postgres:postgres", "/data")
    engine.cli("run", "-d", "--name", "pg", "-v", "pgdata:/data", "-u", "postgres", "--stop-signal", "SIGINT", image,
               "sh", "-c", script)

    def ask(sql):
        return engine.cli("run", "--rm", "-u", "postgres", image, f"{PG}/psql", "-h", ip_of(engine, "pg"), "-At",
                          "-U", "postgres", "-c", sql, check=False).stdout.strip()

    wait_until(lambda: ask("select 1") == "1", "postgres answers", 90)
    ask("create table t (v text)")
    ask("insert into t values ('kept')")
    engine.cli("restart", "pg")
    wait_until(lambda: ask("select v from t") == "kept", "the data is there after the restart", 90)
    engine.cli("rm", "-f", "pg")


def test_a_wrong_digest_from_the_registry_is_refused(pulled):
    engine, image = pulled
    name = image.rsplit(":", 1)[0]
    result = engine.cli("pull", f"{name}@sha256:" + "0" * 64, check=False)
    assert result.returncode == 1
    assert "not found" in result.stderr.lower() or "unknown" in result.stderr.lower()


def test_the_registry_is_used_by_skopeo_too(pulled):
    """What we pulled is what another client sees: the same config digest is our image's Id."""
    engine, image = pulled
    command = ["skopeo", "--insecure-policy", "inspect", "--raw", "--tls-verify=false", f"docker://{image}"]
    shown = engine.host.run(*command).stdout
    identity = engine.out("inspect", "--format", "{{.Id}}", image)
    assert identity in shown
