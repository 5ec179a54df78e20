"""Real programs over each driver and family: nginx, postgres and iperf3 are asked by curl, psql and iperf3 from a
container beside them, from the host and from a machine beyond it. All of them run in containers of one image: a client
on the host is one with --network host, a client beyond it one in that machine's namespace. The servers of an ordinary
user are asked so, too, by containers of root's."""

import dataclasses
import json

import pytest

from harness import network
from harness.engine import Engine, running
from harness.rootless import OpenTun, RootlessEngine, User
from harness.wait import wait_until

PG = "/usr/lib/postgresql/15/bin"
SERVE = f"""nginx
su postgres -c '{PG}/initdb -D /tmp/pg -A trust > /dev/null'
echo 'host all all all trust' >> /tmp/pg/pg_hba.conf
iperf3 -s -D
exec su postgres -c '{PG}/postgres -D /tmp/pg -h "*" -k /tmp'"""
NGINX, POSTGRES, IPERF = 80, 5432, 5201
PUBLISHED = {NGINX: 8080, POSTGRES: 8032, IPERF: 8001}
PUBLISH = [word for port, at in PUBLISHED.items() for word in ("-p", f"{at}:{port}")]
PUBLISH += ["-p", f"{PUBLISHED[IPERF]}:{IPERF}/udp"]
HOST = {4: "192.0.2.1", 6: "2001:db8::1"}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
SUBNETS = ["--ipv6", "--subnet", "198.51.100.0/24", "--subnet", "2001:db8:5::/64"]


@dataclasses.dataclass
class View:
    """A client, and where it finds the servers."""
    name: str
    address: dict
    published: bool = False
    by: Engine | None = None  # whose container it is; None: of whom all are

    def port(self, port):
        return PUBLISHED[port] if self.published else port


@pytest.fixture(scope="module")
def host(pulled):
    """An engine whose host has a machine beyond it; clients there and on the host itself."""
    engine, image = pulled
    with network.beyond_by_both(engine.host) as other:
        start(engine, image, "on-host", "host")
        start(engine, image, "beyond", f"ns:/run/netns/{other.name}")
        yield engine, image, other
        engine.remove_everything()


def start(engine, image, name, net, *options, script="exec sleep 10000"):
    engine.cli("run", "-d", "--init", "--name", name, "--network", net, *options, image, "sh", "-c", script)


def addresses(engine, name, net):
    place = engine.inspect(name)["NetworkSettings"]["Networks"][net]
    return {4: place["IPAddress"], 6: place["GlobalIPv6Address"]}


def on_network(engine, image, driver, *options, publish=(), net="lan"):
    """A network with the servers and a client: where each is found."""
    engine.cli("network", "create", "-d", driver, *options, net)
    start(engine, image, "server", net, *publish, script=SERVE)
    start(engine, image, "client", net)
    return addresses(engine, "server", net)


def bridge(engine, image, _):
    own = on_network(engine, image, "bridge", "--ipv6", publish=PUBLISH)
    return [View("client", own), View("on-host", own), View("on-host", {4: LOOPBACK[4], 6: HOST[6]}, published=True),
            View("beyond", HOST, published=True), View("client", HOST, published=True)]


def routed(engine, image, _):
    ports = [word for port in PUBLISHED for word in ("-p", str(port))]
    own = on_network(engine, image, "routed", *SUBNETS, publish=[*ports, "-p", f"{IPERF}/udp"])
    return [View("client", own), View("on-host", own), View("beyond", own)]


def macvlan(engine, image, beyond):
    del beyond
    own = on_network(engine, image, "macvlan", "-o", "parent=up0", "--ipv6", "--subnet", "192.0.2.0/24", "--gateway",
                     "192.0.2.1", "--ip-range", "192.0.2.128/25", "--subnet", "2001:db8::/64", "--gateway",
                     "2001:db8::1", "--ip-range", "2001:db8::1:0/112")
    return [View("client", own), View("beyond", own)]


def of_the_host(engine, image, _):
    start(engine, image, "server", "host", script=SERVE)
    return [View("on-host", LOOPBACK), View("beyond", HOST)]


def of_a_container(engine, image, _):
    engine.cli("network", "create", "--ipv6", "lan")
    start(engine, image, "owner", "lan", *PUBLISH)
    start(engine, image, "server", "container:owner", script=SERVE)
    start(engine, image, "client", "container:owner")
    return [View("client", LOOPBACK), View("on-host", addresses(engine, "owner", "lan")),
            View("beyond", HOST, published=True)]


def by_path(engine, image, beyond):
    start(engine, image, "server", f"ns:/run/netns/{beyond.name}", script=SERVE)
    return [View("beyond", LOOPBACK), View("on-host", {4: "192.0.2.2", 6: "2001:db8::2"})]


def of_a_user(user, image, _):
    """On a network of the user's own; clients on the user's host and beyond it are root's."""
    own = on_network(user, image, "bridge", "--ipv6", publish=PUBLISH)
    return [View("client", own), View("on-users-host", {4: LOOPBACK[4], 6: HOST[6]}, published=True, by=user.roots),
            View("beyond-users", HOST, published=True, by=user.roots)]


@pytest.fixture(scope="module")
def of_user(pulled, tmp_path_factory):
    """(engine of an ordinary user, image, a machine beyond the user's host)"""
    roots, image = pulled
    archive = tmp_path_factory.mktemp("saved") / "image.tar"
    roots.cli("save", "-o", archive, image)
    tun = OpenTun()
    user = User()
    try:
        with running(RootlessEngine(user)) as engine, network.beyond_by_both(engine.host) as other:
            with open(archive, "rb") as file:
                engine.cli("load", stdin=file)
            engine.roots = roots
            start(roots, image, "on-users-host", f"ns:/run/netns/{engine.host.name}")
            start(roots, image, "beyond-users", f"ns:/run/netns/{other.name}")
            yield engine, image, other
            roots.cli("rm", "-f", "on-users-host", "beyond-users")
    finally:
        user.remove()
        tun.close()


@pytest.fixture(scope="module", ids=lambda make: make.__name__,
                params=[bridge, routed, macvlan, of_the_host, of_a_container, by_path, of_a_user])
def views(request):
    """Of each driver: an engine, and from where and at which addresses its servers are to be reached."""
    engine, image, other = request.getfixturevalue("of_user" if request.param is of_a_user else "host")
    found = request.param(engine, image, other)
    wait_until(lambda: ask(engine, View("server", LOOPBACK), 4) == "1", "postgres answers", 90)
    yield engine, found
    for name in ("client", "server", "owner"):
        engine.cli("rm", "-f", "-v", name, check=False)
    engine.cli("network", "prune", "-f")


def execute(engine, view, *words):
    return (view.by or engine).cli("exec", view.name, *words, check=False, timeout=60).stdout.strip()


def ask(engine, view, family, sql="select 1"):
    return execute(engine, view, f"{PG}/psql", "-h", view.address[family], "-p", str(view.port(POSTGRES)), "-At",
                   "-U", "postgres", "-c", sql)


both = pytest.mark.parametrize("family", [4, 6], ids=["ipv4", "ipv6"])


@both
def test_curl_has_all_that_nginx_sends(views, family):
    engine, found = views
    engine.cli("exec", "server", "sh", "-c", "head -c 5000000 /dev/urandom > /var/www/html/blob")
    want = execute(engine, View("server", {}), "sha256sum", "/var/www/html/blob").split()[0]
    for view in found:
        address = f"[{view.address[family]}]" if family == 6 else view.address[family]
        command = f"curl -sS -m 20 http://{address}:{view.port(NGINX)}/blob | sha256sum"
        assert execute(engine, view, "sh", "-c", command).split()[0] == want, view


@both
def test_psql_asks_postgres_who_sees_it(views, family):
    engine, found = views
    for view in found:
        assert ask(engine, view, family, "select family(inet_client_addr()), sum(g) from generate_series(1,1000) g "
                                         "group by 1") == f"{family}|500500", view


@both
@pytest.mark.parametrize("kind", [["-n", "50M"], ["-n", "50M", "-R"], ["-n", "2M", "-u", "-b", "100M"]],
                         ids=["tcp", "tcp-back", "udp"])
def test_iperf3_moves_what_it_was_asked_to(views, family, kind):
    engine, found = views
    for view in found:
        # One test at a time: the server may still be closing the last one's connections.
        report = wait_until(lambda: measured(engine, view, family, kind), f"iperf3 from {view}", 30)
        if "-u" in kind:
            assert report["sum"]["packets"] > report["sum"]["lost_packets"], view
        else:  # what is still in buffers at the end is not counted as received
            assert report["sum_received"]["bytes"] > 25_000_000, view


def measured(engine, view, family, kind):
    text = execute(engine, view, "iperf3", "-J", "-c", view.address[family], "-p", str(view.port(IPERF)), *kind)
    report = json.loads(text or "{}")
    return None if "error" in report else report.get("end")


@pytest.mark.parametrize("views", [bridge, routed, macvlan, of_a_user], indirect=True, ids=lambda make: make.__name__)
def test_dig_has_the_servers_name(views):
    engine, found = views
    for family, kind in ((4, "A"), (6, "AAAA")):
        address = found[0].address[family]
        assert execute(engine, found[0], "dig", "+short", "server", kind) == address
        assert execute(engine, found[0], "dig", "+short", "-x", address) == "server.lan."
