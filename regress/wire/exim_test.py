#!/usr/bin/env python3
"""Exim as the next hop: Debian's, unpacked beside the system, because its package and
Postfix's exclude each other."""
import os

from dns import Dns, a, mx
from peer import Peer, can_run, outcome, submit
from suite import BUILD, Suite, diag, done, is_, ok, skip, wait_for

EXIM = os.path.abspath(BUILD + "/../build/peers/exim4-daemon-light/usr/sbin/exim4")
UID = 64990
CONF = """
exim_path = {exim}
spool_directory = {d}/spool
log_file_path = {d}/log/%slog
pid_file_path = {d}/pid
keep_environment =
primary_hostname = mx.exim.example
daemon_smtp_ports = {port}
local_interfaces = 127.0.0.1
host_lookup =
acl_smtp_rcpt = rcpt
acl_smtp_data = all
begin acl
rcpt:
  deny local_parts = nobody
       message = no such user here
  defer local_parts = later
       message = come back
  accept
all:
  accept
begin routers
r:
  driver = accept
  transport = t
begin transports
t:
  driver = appendfile
  file = {d}/box/all
  user = {uid}
  group = {uid}
  envelope_to_add
  batch_max = 100
"""


def play(s, e):
    dots = "".join(".%s\r\n..\r\n.\r\n" % i for i in range(200)) + "ä line\r\nFrom here\r\n"
    submit(s, ["x%d@exim.example" % i for i in range(30)], "thirty", dots)
    submit(s, ["one@exim.example", "nobody@exim.example", "later@exim.example"], "mixed", "x\r\n")
    submit(s, ["big@exim.example"], "big", "0123456789abcdef" * 4 * 1000 + "\r\n" + "line of it\r\n" * 200000)
    for who in ["x%d" % i for i in range(30)] + ["one", "big"]:
        got = wait_for(lambda: outcome(s, who + "@exim.example"))
        ok(got and " 250 " in got and "tls=TLS" in got, who + ": taken, under TLS") or diag(got)
    got = wait_for(lambda: outcome(s, "nobody@exim.example"))
    ok(got and "550" in got and "no such user here" in got, "nobody: refused, in Exim's words") or diag(got)
    got = wait_for(lambda: outcome(s, "later@exim.example"))
    ok(got and "deferred" in got and "come back" in got, "later: waits") or diag(got)
    text = dots.replace("\r\n", "\n").replace("\nFrom here", "\n>From here").encode()
    ok(wait_for(lambda: e.box().count(b"Subject: thirty") == 1 and text in e.box()), "each octet came, dots and all") or \
        diag(e.box()[:600])
    ok(wait_for(lambda: e.box().count(b"line of it\n") == 200000), "the large one too")
    wait_for(lambda: b"Subject: mixed" in e.box())
    is_(e.box().count(b"Subject: mixed"), 1, "once")


if not can_run(EXIM, "-bV"):
    skip("Exim is not there, or this is not root")
    done()
# it will not begin without its user, whom this system does not have
e = Peer("exim", CONF, {"Debian-exim": UID}, EXIM + " -C {d}/conf -bdf", exim=EXIM, uid=UID)
try:
    for sub in "spool", "log", "box":
        e.mkdir(sub, UID)
    ok(e.start(), "Exim is there")
    names = Dns({("exim.example", "MX"): [mx(10, "mx.exim.example")], ("mx.exim.example", "A"): [a("127.0.0.1")]})
    with Suite(conf='resolver 127.0.0.1@%d\nallow-private-addresses\ntransport "out" direct port %d no-ipv6\n'
                    'route transport "out"\nretry first { 1h }\n' % (names.port, e.port)) as s:
        play(s, e)
finally:
    e.stop()
done()
