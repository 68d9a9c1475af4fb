#!/usr/bin/env python3
"""Somebody between us and a smarthost, or one that is out of order: what is stripped,
injected, changed, sent ahead, endless, slow or cut."""
import re
import threading

from smartscript import CUT, NONE, TLS, Case, scenario, states, submit
from suite import diag, ok, wait_for


def endless(line):
    def run(args, s):
        while True:
            s.sock.sendall(line)
    return run


def sessions():
    """Who is in between, and who is out of order."""
    bare = ["AUTH SCRAM-SHA-256"]
    yield Case("stripped", bare, "", TLS, loud=False, said="AUTH", cert=None)
    yield Case("stripped2", bare, "tls required", TLS, loud=False, said="MAIL", cert=None)
    for code in "454 4.7.0 later", "500 what", "554 5.7.3 no":
        yield Case("starttls" + code[:3], bare, "", TLS, loud=False, said="AUTH", ext=bare,
                   replies={"STARTTLS": code})
    yield Case("nolater", [], "", "4.7.8 ", said="AUTH", ext=["AUTH PLAIN LOGIN SCRAM-SHA-256"])
    yield Case("weaklater", ["AUTH PLAIN"], "", NONE, said="AUTH", ext=bare)
    yield Case("changed", bare, "", "SCRAM-SHA-256", "y", ext=["AUTH PLAIN CRAM-MD5 SCRAM-SHA-256-PLUS"])
    yield Case("injected", bare, "", TLS, loud=False, either="SCRAM-SHA-256",
               inject=b"250-evil\r\n250 AUTH PLAIN\r\n235 2.7.0 in\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n")
    yield Case("early220", bare, "", TLS + r"|.*4\.5\.0 ", loud=False, either="SCRAM-SHA-256",
               replies={"EHLO": lambda a, s: "250-sink\n250 AUTH SCRAM-SHA-256" if s.tls else
                        "250-sink\n250 STARTTLS\n220 go"})
    yield Case("ahead", ["AUTH PLAIN"], "tls off mechanisms plain", r".*4\.5\.0 ", loud=False,
               greeting="220 sink\n250-sink\n250 AUTH PLAIN\n235 in\n250 ok\n250 ok\n354 go\n250 2.0.0 ok\n221 bye",
               replies={"EHLO": "500 what"})
    yield Case("endless", None, "", r".*4\.5\.0 |" + CUT, loud=False, said="AUTH",
               replies={"EHLO": endless(b"250-AUTH PLAIN\r\n")})
    yield Case("oneline", None, "", r".*4\.5\.0 |" + CUT, loud=False, said="AUTH", replies={"EHLO": endless(b"250-x")})
    yield Case("slow", bare, "", "SCRAM-SHA-256", "y", slow=0.0005)
    yield Case("octets", ["AUTH PLAIN"], "tls off mechanisms plain", "PLAIN", slow=0.0005)
    for verb in "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "END":
        yield Case("cut-" + verb.lower(), bare, "", CUT, loud=False, replies={verb: None})
    yield Case("cut-hello", bare, "", CUT + "|4.7.5", loud=False, at=lambda p, s: s.sock.close() if p == "CONNECT" else None)
    yield Case("cut-tls", bare, "", TLS, loud=False, broken_tls=True)
    yield Case("cut-ehlo2", bare, "", CUT, loud=False, said="AUTH",
               replies={"EHLO": lambda a, s: None if s.tls else "250-sink\n250 STARTTLS"})


def held(s, cases):
    """A 354 that does not come holds one message and no other."""
    c = next(x for x in cases if x.name == "octets")
    c.sink.slow, gate, waiting = 0, threading.Event(), threading.Event()

    def hold(args, session):
        del c.sink.replies["DATA"]
        waiting.set()
        gate.wait(180)
        return None
    c.sink.replies["DATA"] = hold
    submit(s, c.to)
    ok(waiting.wait(180), "a server that does not answer DATA")
    submit(s, "other@octets.example")
    ok(wait_for(lambda: len(c.sink.messages) == 2), "another message to it goes meanwhile")
    ok(states(s).get(c.to) == "", "the one that waits is as it was")
    gate.set()
    ok(wait_for(lambda: re.match(CUT, states(s).get(c.to, ""))), "and is put off when the server is gone") or \
        diag(states(s))


scenario(sessions, held)
