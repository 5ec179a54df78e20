# A lab whose links are late, which takes netem: each way at least as late as the file says.
cat >/tmp/late.yaml <<'END'
nodes:
  a: {}
  b: {}
  c: {}
  s: {kind: switch}
links:
  - {endpoints: [a:eth0 10.9.0.1/24, s], delay: 150ms, jitter: 20ms, rate: 2mbit}
  - {endpoints: [b:eth0 10.9.0.2/24, s], loss: 5%}
  - {endpoints: [c:eth0 10.9.0.3/24, s], rate: 64kbit}
check:
  - a reaches b
  - c reaches b tcp 80
END
estiba lab up /tmp/late.yaml
estiba lab check
estiba lab exec a tc qdisc show dev eth0 | tee /tmp/queue
grep -q 'netem .* delay 150ms  20ms.* rate 2Mbit' /tmp/queue
estiba lab exec c tc qdisc show dev eth0 | grep -q 'tbf .* rate 64Kbit'
# There and back, each at least 130 ms late.
estiba lab exec a ping -c 5 10.9.0.2 | tee /tmp/pings
least=$(sed -n 's|.*min/avg/max = \([0-9]*\).*|\1|p' /tmp/pings)
[ "$least" -ge 260 ]
estiba lab down
[ "$(ls /run/netns /run/estiba/lab | grep -c late)" = 0 ]
