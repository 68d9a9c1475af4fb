#!/usr/bin/env python3
"""What administrators and senders decide about the queue, in the running suite:
FUTURERELEASE, REQUIRETLS, refusals at RCPT, hold rules, suppression, what left."""
import calendar
import imaplib
import os
import smtplib
import ssl
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from smtpsink import Sink  # noqa: E402
from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for  # noqa: E402

ALICE = "alice@" + DOMAIN
TEXT = b"From: alice@letterlock.test\r\nSubject: x\r\n\r\nhello\r\n"
DAYS60 = 60 * 86400


def rcpt(args, session):
    return "550 5.1.1 no such user here" if "gone@" in args else "250 2.1.5 ok"


sink = Sink(ext=["8BITMIME"], replies={"RCPT": rcpt})
CONF = """
keep-retired 1d
transport "sink" smtp host "127.0.0.1" port %d tls off
transport "never" fail code 550 reject early text "we do not send there"
transport "report" fail code 550 text "nor there"
route to ".never.example" transport "never"
route to "report.example" transport "report"
route transport "sink"
""" % sink.port


def client(s):
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
    c.login(ALICE, PASSWORD)
    return c


def submit(s, *to, options=()):
    c = client(s)
    c.sendmail(ALICE, list(to), TEXT, mail_options=options)
    c.quit()


def queue(s, *filters):
    return s.rows("queue", "list", *filters)


def inbox(s):
    i = imaplib.IMAP4("127.0.0.1", s.imap)
    i.login(ALICE, PASSWORD)
    n = int(i.select("INBOX", readonly=True)[1][0])
    got = i.fetch("1:*", "(BODY.PEEK[])")[1] if n else []
    i.logout()
    return [p[1].decode(errors="replace") for p in got if isinstance(p, tuple)]


def test_future(s):
    with smtplib.SMTP("127.0.0.1", s.smtp, timeout=60) as c:
        c.ehlo()
        ok(not c.has_extn("futurerelease"), "no FUTURERELEASE on port 25")
        is_(c.docmd("MAIL", "FROM:<a@x.example> HOLDFOR=1")[0], 555, "nor the parameter")
    c = client(s)
    words = c.esmtp_features.get("futurerelease", "").split()
    is_(len(words), 2, "FUTURERELEASE at submission: %s" % words)
    is_(words[0], str(DAYS60), "the longest time")
    latest = calendar.timegm(time.strptime(words[1], "%Y-%m-%dT%H:%M:%SZ"))
    ok(abs(latest - DAYS60 - time.time()) < 60, "and the last moment")
    for text, value in (("too long", "HOLDFOR=%d" % (DAYS60 + 1)),
                        ("over", "HOLDUNTIL=2020-01-01T00:00:00Z"),
                        ("too late", "HOLDUNTIL=2199-01-01T00:00:00Z"),
                        ("twice", "HOLDFOR=1 HOLDUNTIL=%s" % words[1])):
        code, reply = c.docmd("MAIL", "FROM:<%s> %s" % (ALICE, value))
        ok(code == 501 and reply.startswith(b"5.5.4"), "%s: %s" % (text, reply))
    c.quit()
    submit(s, "later@x.example", options=["HOLDFOR=7200"])
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 10800))
    submit(s, "bob@" + DOMAIN, options=["HOLDUNTIL=" + when])
    rows = queue(s)
    is_([(r["to"], r["attempts"], r["future"]) for r in rows],
        [("later@x.example", 0, "for;7200"), ("bob@" + DOMAIN, 0, "until;" + when)], "they wait")
    ok(all(abs(r["next_at"] - time.time() - n) < 60 and abs(r["release_at"] - r["next_at"]) <= 1
           for r, n in zip(rows, (7200, 10800))), "until the moment that was asked for")
    ok(s.restart("queued"), "queued is killed")
    wait_for(lambda: len(queue(s)) == 2)
    ok(all(abs(r["next_at"] - r["release_at"]) < 3 and r["attempts"] == 0 for r in queue(s)),
       "they wait still")
    s.ctl("queue", "kick", "--next", ">1h")
    ok(wait_for(lambda: queue(s) == []), "kicked, they go")
    is_(len(sink.messages), 1, "one to the other server")


def test_requiretls(s):
    with smtplib.SMTP("127.0.0.1", s.smtp, timeout=60) as c:
        c.ehlo()
        ok(not c.has_extn("requiretls"), "no REQUIRETLS before TLS")
        is_(c.docmd("MAIL", "FROM:<a@x.example> REQUIRETLS")[0], 555, "nor the parameter")
        c.starttls(context=ssl.create_default_context(cafile=s.ca))
        c.ehlo()
        ok(c.has_extn("requiretls"), "after it, on port 25 too")
        is_(c.docmd("MAIL", "FROM:<a@x.example> REQUIRETLS")[0], 250, "taken")
    with smtplib.SMTP_SSL("127.0.0.1", s.submissions, timeout=60,
                          context=ssl.create_default_context(cafile=s.ca)) as c:
        c.login(ALICE, PASSWORD)
        c.sendmail(ALICE, ["tls@x.example"], TEXT, mail_options=["REQUIRETLS"])
    got = wait_for(lambda: [m for m in inbox(s) if "tls@x.example" in m])
    ok(got and "Status: 5.7.30" in got[0], "a server without TLS does not get it")
    is_([m for m in sink.messages if b"tls@" in str(m).encode()], [], "not at all")


def test_early(s):
    c = client(s)
    c.mail(ALICE)
    code, reply = c.rcpt("a@b.never.example")
    ok((code, reply) == (550, b"5.7.0 we do not send there"), "refused at RCPT: %s" % reply)
    is_(c.rcpt("a@report.example")[0], 250, "without reject early it is not")
    is_(c.rcpt("bob@" + DOMAIN)[0], 250, "the transaction goes on")
    c.quit()
    r = s.rows("route", "explain", ALICE, "a@b.never.example")[0]
    ok(r["refuses"] == "550 we do not send there" and r["reject_early"] is True, "explained: %s" % r)
    r = s.rows("route", "explain", ALICE, "a@report.example")[0]
    ok(r["refuses"] == "550 nor there" and r["reject_early"] is False, "the other: %s" % r)


def test_hold(s):
    is_(s.ctl("queue", "holdrule", "add", "--account", "alice", "--recipient-domain",
              ".held.example").strip(), "0 recipients held", "a rule")
    r = s.ctl_run("queue", "holdrule", "add", "--recipient-domain", ".held.example", "--account", "alice")
    ok(r.returncode == 1 and "says that already" in r.stderr, "not twice: %s" % r.stderr)
    ok(s.ctl_run("queue", "holdrule", "add", "--to", "x").returncode == 1, "no such condition")
    before = len(sink.messages)
    submit(s, "a@x.held.example", "b@free.example")
    ok(wait_for(lambda: len(sink.messages) > before), "the one that is free goes")
    wait_for(lambda: len(queue(s)) == 1)
    is_([(r["to"], r["state"]) for r in queue(s)], [("a@x.held.example", "held")], "the other is held")
    s.restart("queued")
    rules = s.rows("queue", "holdrule", "list")
    ok(len(rules) == 1 and rules[0]["recipient_domain"] == ".held.example" and
       rules[0]["account"] == "alice", "the rule is kept: %s" % rules)
    ok("removed" in s.ctl("queue", "holdrule", "remove", str(rules[0]["number"])), "removed")
    is_(len(queue(s, "--held", "yes")), 1, "what is held stays so")
    s.ctl("queue", "release", "--held", "yes")
    ok(wait_for(lambda: queue(s) == []), "released")


def test_suppress(s):
    submit(s, "gone@x.example")
    listed = wait_for(lambda: s.rows("suppression", "list", "--account", "alice"))
    ok(listed and listed[0]["address"] == "gone@x.example" and "550 5.1.1 no such user here" in
       listed[0]["reason"], "an address that failed is on the list: %s" % listed)
    wait_for(lambda: queue(s) == [])
    tried = len(sink.sessions)
    submit(s, "G.one+x@x.example")
    got = wait_for(lambda: [m for m in inbox(s) if "G.one+x@x.example" in m])
    ok(got and "suppression list" in got[0] and "Status: 5.7.1" in got[0], "a report says so")
    is_(len(sink.sessions), tried, "and it is not tried")
    is_(s.ctl("suppression", "lookup", "alice", "gone@x.example").strip().split("\n")[-1],
        "on the list", "lookup")
    is_(s.ctl("suppression", "lookup", "bob", "gone@x.example").strip(), "not on the list",
        "another account's is its own")
    is_(s.ctl("suppression", "add", "bob", "x@y.example", "he asked").strip(), "added", "add")
    ok(s.ctl_run("suppression", "add", "bob", "X@y.example").returncode == 1, "not twice")
    ok(s.ctl_run("suppression", "add", "nobody", "x@y.example").returncode == 1, "no such account")
    is_([r["reason"] for r in s.rows("suppression", "list", "--account", "bob")], ["he asked"], "list")
    is_(s.ctl("suppression", "remove", "alice", "gone@x.example").strip(), "removed", "remove")
    ok(s.ctl_run("suppression", "remove", "alice", "gone@x.example").returncode == 1, "once")


def test_gone(s):
    s.ctl("account", "add", "carol", "carol@" + DOMAIN, input=PASSWORD + "\n")
    s.ctl("suppression", "add", "carol", "x@y.example")
    s.ctl("account", "disable", "carol", "for a time")
    is_(len(s.rows("suppression", "list", "--account", "carol")), 1, "an account that is disabled keeps its list")
    s.ctl("account", "remove", "carol")
    ok(wait_for(lambda: s.rows("suppression", "list", "--account", "carol") == []), "with the account it goes")


def test_retired(s):
    wait_for(lambda: queue(s) == [])
    rows = s.rows("queue", "retired", "list", "--to", "gone@x.example")
    ok(len(rows) == 1 and rows[0]["state"] == "failed" and abs(rows[0]["until_at"] -
       rows[0]["ended_at"] - 86400) <= 1, "what failed is remembered: %s" % rows)
    show = s.rows("queue", "retired", "show", rows[0]["id"])
    ok(len(show) == 1 and show[0]["results"][0]["reply"] == "550 5.1.1 no such user here" and
       show[0]["results"][0]["transport"] == "sink", "with its attempts: %s" % show)
    ok(s.rows("queue", "retired", "list", "--result", "delivered", "--domain", "free.example"),
       "what was delivered too")
    ok(s.ctl_run("queue", "retired", "list", "--held", "yes").returncode == 1, "a filter for others")
    r = s.ctl_run("verify")
    ok(r.returncode == 0, "verify: %s" % (r.stdout + r.stderr)[-300:])


with Suite(CONF) as suite:
    test_future(suite)
    test_requiretls(suite)
    test_early(suite)
    test_hold(suite)
    test_suppress(suite)
    test_gone(suite)
    test_retired(suite)
done()
