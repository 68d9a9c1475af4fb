#!/usr/bin/env python3
"""J3: a mail server that turns out to be this machine, at a public address of its
own.  In a network namespace, where it may have one."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "../wire"))
from rig import A, AAAA, MX, OK, Worker, a, mx  # noqa: E402
from smtpsink import Sink  # noqa: E402
from suite import diag, done, is_, ok, skip  # noqa: E402

PORT = 2525
US, US6, ELSEWHERE = "192.0.2.7", "2001:db8::7", "203.0.113.1"
TAKEN, LOOP, LATER = ("ok", 250, "2.0.0"), ("no", 0, "5.4.6"), ("temp", 0, "4.4.1")
PRIVATE = "allow-private-addresses\n"
DIRECT = 'transport "t" direct port %d\n' % PORT
SMARTHOST = 'transport "t" smtp host "%s" port %d tls off\n' % (US, PORT)

#	 what				configuration		destination		result
ROWS = (
    ("its mail server",			DIRECT,			"us.example",		LOOP),
    ("by IPv6",				DIRECT,			"six.example",		LOOP),
    ("an address literal",		DIRECT,			"[%s]" % US,		LOOP),
    ("behind one that is down",		DIRECT,			"backup.example",	LATER),
    ("where private addresses are allowed", PRIVATE + DIRECT,	"us.example",		TAKEN),
    ("a smarthost",			SMARTHOST,		US,			TAKEN),
)

if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare") or \
        subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
    skip("a network of its own needs root")
    done()
if sys.argv[1:] != ["inside"]:
    os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__), "inside"])
for args in ("link set lo up", "addr add %s/32 dev lo" % US, "addr add %s/128 dev lo nodad" % US6):
    if subprocess.run(["ip"] + args.split()).returncode != 0:
        skip("the network cannot be set up here")
        done()
sinks = [Sink(host=host, port=PORT) for host in (US, US6)]
for what, conf, dest, want in ROWS:
    taken = sum(len(s.messages) for s in sinks)
    with Worker(conf, "t") as w:
        for name, hosts in (("us", [(A, US)]), ("six", [(AAAA, US6)]), ("backup", [(A, ELSEWHERE), (A, US)])):
            w.dns[name + ".example", MX] = (OK, [mx(10 * k, "mx%d.%s.example" % (k, name)) for k in range(len(hosts))])
            for k, (kind, addr) in enumerate(hosts):
                w.dns["mx%d.%s.example" % (k, name), kind] = (OK, [a(addr)])
        r = w.wait(w.relay(dest, ["u@us.example"]))
        is_(r and r.short(), [want], what) or diag(w.logged()[-2000:])
        if want == LOOP:
            ok(r and "is this machine" in r.results[0][4], "%s: and it says so" % what) or diag(r and r.results)
    is_(sum(len(s.messages) for s in sinks) - taken, int(want == TAKEN), "%s: taken or not" % what)
done()
