"""What has to come through whatever passes connections on: `run` is a client's command, as subprocess.run."""

IMAGE = "estiba/busybox"
RUN = ("run", "--rm", "--network", "none")


def assert_input_and_exit_codes(run):
    said = run(*RUN, "-i", IMAGE, "cat", input="passed on")
    assert (said.returncode, said.stdout) == (0, "passed on"), said.stderr
    assert run(*RUN, IMAGE, "sh", "-c", "exit 7").returncode == 7


def assert_much_goes_both_ways_at_once(run):
    text = "".join(f"{number:07d}\n" for number in range(500_000))  # 4 MB
    said = run(*RUN, "-i", IMAGE, "cat", input=text)
    assert said.returncode == 0 and said.stdout == text
