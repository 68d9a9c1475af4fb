#!/usr/bin/env python3
"""Each mechanism at a smarthost, chosen by itself and by a list: table A.4."""
import re
import ssl

from smartscript import MECHS, NONE, Case, scenario, states, submit
from suite import diag, ok, wait_for

ALL = "AUTH " + " ".join(reversed(MECHS))


def table():
    """A.4: what is announced, TLS, the list; the mechanism, and the flag of RFC 5802."""
    plus, bare, sha256 = "AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", "AUTH SCRAM-SHA-256", "SCRAM-SHA-256"
    yield Case("a1", [plus], "", "SCRAM-SHA-256-PLUS", "p=tls-exporter")
    yield Case("a1old", [plus], "", "SCRAM-SHA-256-PLUS", version=ssl.TLSVersion.TLSv1_2)
    yield Case("a2", [bare], "", sha256, "y")
    yield Case("a3", [bare], "tls off", sha256, "n")
    yield Case("a4", [plus], "tls off", sha256, "n")
    yield Case("a5", [bare], "mechanisms scram-sha-256", sha256, "n")
    yield Case("a5plus", [plus], "mechanisms { scram-sha-256, scram-sha-256-plus }", sha256, "n")
    yield Case("a6", ["AUTH PLAIN LOGIN"], "", NONE, said="AUTH")
    yield Case("a6clear", ["AUTH PLAIN LOGIN"], "tls off", NONE, said="AUTH")
    yield Case("a7", ["AUTH PLAIN LOGIN"], "mechanisms plain", "PLAIN")
    yield Case("a8", ["AUTH PLAIN"], "tls off mechanisms plain", "PLAIN")
    yield Case("a9", ["AUTH CRAM-MD5 PLAIN"], "mechanisms { plain, cram-md5 }", "PLAIN")
    yield Case("a10", ["PIPELINING"], "", "4.7.8 ", said="MAIL")
    yield Case("a10list", ["PIPELINING"], "mechanisms { plain, login }", "4.7.8 ", said="MAIL")
    yield Case("external", ["AUTH EXTERNAL"], "", NONE, said="AUTH")
    for i, m in enumerate(MECHS):
        name = m.lower()
        yield Case("by-" + name, [ALL], "mechanisms " + name, m)
        if m not in ("PLAIN", "LOGIN"):
            yield Case("best-" + name, ["AUTH " + " ".join(reversed(MECHS[i:]))], "", m)
    yield Case("case", ["auth x-unknown scram-sha-256"], "", sha256)
    yield Case("implicit", [plus], "", "SCRAM-SHA-256-PLUS", kind="submissions", implicit=True)


def downgrade(s, cases):
    """What let us in once: nothing less, whoever takes it away."""
    weaker = cases[0]
    weaker.sink.tls_ext = ["AUTH SCRAM-SHA-256 SCRAM-SHA-1 PLAIN"]
    weaker.sink.sessions.clear()
    s.ctl("reload")      # no connection of before
    submit(s, weaker.to)
    ok(wait_for(lambda: re.match(NONE, states(s).get(weaker.to, ""))), "less than before: put off") or diag(states(s))
    ok("transport a1: the server offers less than SCRAM-SHA-256-PLUS" in s.logged(), "and it shouts")
    ok(not any(x.startswith(("AUTH", "MAIL")) for k in weaker.sink.sessions for x in k.commands), "nothing is said")
    weaker.sink.tls_ext = ["AUTH SCRAM-SHA-256-PLUS"]
    s.ctl("queue", "kick", "--to", weaker.to)
    ok(wait_for(lambda: len(weaker.sink.messages) == 2), "it is there again: delivered") or diag(states(s))


scenario(table, downgrade)
