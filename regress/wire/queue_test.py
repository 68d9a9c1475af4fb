#!/usr/bin/env python3
"""The queue in the running suite: submission to here and elsewhere, transports
that deliver and fail, reports, letterctl, and queued killed under load."""
import imaplib
import json
import os
import re
import smtplib
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from suite import DOMAIN, PASSWORD, Suite, done, is_, ok, wait_for  # noqa: E402

CONF = """
transport "outbox" deliver account "outbox"
transport "no" fail code 554 text "we do not send there"
transport "later" fail code 451 text "come back later"
route to ".fail.example" transport "no"
route to "later.example" transport "later"
route transport "outbox"
"""


def addr(name):
    return "%s@%s" % (name, DOMAIN)


def submit(s, to, subject, sender="alice", timeout=60, **kw):
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=timeout)
    c.login(addr(sender), PASSWORD)
    c.sendmail(addr(sender), to, ("From: %s\r\nSubject: %s\r\n\r\nbody of %s\r\n" %
                                  (addr(sender), subject, subject)).encode(), **kw)
    c.quit()


def inbox(s, account):
    """All messages of an account, as text."""
    i = imaplib.IMAP4("127.0.0.1", s.imap)
    try:
        i.login(addr(account), PASSWORD)
        n = int(i.select("INBOX", readonly=True)[1][0])
        if n == 0:
            return []
        return [p[1].decode(errors="replace")
                for p in i.fetch("1:*", "(BODY.PEEK[])")[1] if isinstance(p, tuple)]
    finally:
        i.shutdown()


def wait_mail(s, account, text, timeout=180):
    def look():
        try:
            return [m for m in inbox(s, account) if text in m]
        except (OSError, imaplib.IMAP4.error):
            return []
    return wait_for(look, timeout, 0.1) or []


def queue(s, *filters):
    return s.rows("queue", "list", *filters)


def test_flow(s):
    submit(s, [addr("bob"), "x@foreign.example", "y@a.fail.example"], "flow-1")
    ok(wait_mail(s, "bob", "Subject: flow-1"), "a local recipient gets it")
    ok(wait_mail(s, "outbox", "Subject: flow-1"), "a foreign one's goes where the route says")
    report = wait_mail(s, "alice", "multipart/report")
    ok(report, "the sender hears of the one that failed")
    text = report[0] if report else ""
    ok("Final-Recipient: rfc822; y@a.fail.example" in text and "Action: failed" in text
       and "554 5.7.0 we do not send there" in text, "with address, action and why")
    ok("Return-Path: <>" in text, "from nobody")
    ok(wait_for(lambda: queue(s) == []), "nothing is left in the queue")
    m = re.search(r"([0-9a-f]{8}): queued from=<alice@[^>]*> account=alice .* session=(\S+)", s.logged())
    ok(m and all(s.wait_log(r"%s\.\d: %s to=<%s> .* session=%s " % (m[1], what, re.escape(to), m[2]))
                 for what, to in (("delivered", addr("bob")), ("delivered", "x@foreign.example"),
                                  ("failed", "y@a.fail.example"))),
       "the log has session, queue id and outcome of each")


def test_not_allowed(s):
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
    c.login(addr("alice"), PASSWORD)
    is_(c.mail(addr("bob"))[0], 550, "another's envelope address")
    c.rset()
    try:
        c.sendmail(addr("alice"), [addr("bob")],
                   ("From: %s\r\nSubject: forged\r\n\r\nx\r\n" % addr("bob")).encode())
        ok(False, "another's From is refused")
    except smtplib.SMTPDataError as e:
        ok(e.smtp_code == 550 and b"5.7.1" in e.smtp_error, "another's From is refused: %s" % e)
    c.quit()


def test_letterctl(s):
    submit(s, ["a@later.example", "b@later.example"], "ctl-1")
    wait_for(lambda: [r for r in queue(s) if r["attempts"] == 1 and r["state"] == "queued"][1:])
    rows = queue(s)
    is_([r["to"] for r in rows], ["a@later.example", "b@later.example"], "queue list")
    ok(all(r["from"] == addr("alice") and r["account"] == "alice" and r["transport"] == "later"
           and "come back later" in r["last"] and r["next_at"] > r["last_at"] for r in rows),
       "who, how often, what was said, when again")
    is_(len(queue(s, "--to", "a@later.example", "--domain", "later.example")), 1, "filters")
    is_(len(queue(s, "--to", "a@later.example", "--domain", "other.example")), 0, "all of them")
    msg = rows[0]["id"].split(".")[0]
    show = s.rows("queue", "show", msg)
    ok(len(show) == 2 and show[0]["results"][0]["reply"].startswith("451"),
       "queue show has the attempts")
    is_([x.split("\n")[0].split() for x in s.ctl("queue", "show", msg).split("\n\n")],
        [["id", msg + ".1"], ["id", msg + ".2"]], "each recipient by itself")
    ok("body of ctl-1" in s.ctl("queue", "dump", msg), "queue dump has the message")
    is_(s.ctl("queue", "hold", "--to", "a@later.example").strip(), "1 recipient held", "hold")
    is_(s.ctl("queue", "kick", "--id", msg).strip(), "2 recipients to be tried now", "kick")
    wait_for(lambda: [(r["attempts"], r["state"]) for r in queue(s, "--to", "b@later.example")] == [(2, "queued")])
    is_([(r["to"], r["attempts"], r["state"]) for r in queue(s)],
        [("a@later.example", 1, "held"), ("b@later.example", 2, "queued")],
        "what is held is not tried")
    is_(s.ctl("queue", "schedule", "--to", "b@later.example", "--now", "3h").strip(),
        "1 recipient rescheduled", "schedule")
    is_(s.ctl("queue", "transport", "--code", "4xx", "--to", "b@later.example", "later").strip(),
        "1 recipient pinned", "transport")
    is_(s.ctl("queue", "requiretls", "--next", ">2h", "no").strip(), "1 recipient changed", "requiretls")
    is_([(r["to"], r.get("pinned"), r.get("requiretls")) for r in queue(s, "--next", ">2h")],
        [("b@later.example", "later", "no")], "as asked for")
    r = s.ctl_run("queue", "transport", "--to", "b@later.example", "nowhere")
    ok(r.returncode == 1 and "there is no transport" in r.stderr, "no such transport: %s" % r.stderr)
    is_(s.ctl("queue", "release", "--held", "yes").strip(), "1 recipient released", "release")
    ok(wait_for(lambda: [(r["attempts"], r["state"]) for r in queue(s, "--to", "a@later.example")] == [(2, "queued")]),
       "and goes at once")
    is_(s.ctl("queue", "drop", "--to", "a@later.example").strip(), "1 recipient removed", "drop")
    is_(s.ctl("queue", "fail", "--to", "b@later.example").strip(), "1 recipient given up", "fail")
    ok(wait_mail(s, "alice", "given up by the administrator"), "with a report")
    ok(not [m for m in inbox(s, "alice") if "a@later.example" in m and "report" in m],
       "and none for what was dropped")
    ok(s.ctl_run("queue", "drop").returncode != 0, "no filter, no change")
    r = s.rows("route", "explain", addr("alice"), "x@b.fail.example")
    ok(len(r) == 1 and r[0]["transport"] == "no" and r[0]["source"] == "global"
       and "fail.example" in r[0]["route"], "route explain: %s" % json.dumps(r))
    s.ctl("account", "route", "add", "alice", 'to "other.example" transport "no"')
    r = s.rows("route", "explain", addr("alice"), "x@other.example")
    ok(len(r) == 1 and r[0]["transport"] == "no" and r[0]["source"] == "account",
       "an account's route comes first: %s" % json.dumps(r))
    with open(s.conf) as f:
        was = f.read()
    s.write_conf(was.replace('transport "no"', 'transport "never"'))
    r = s.ctl_run("reload")
    ok(r.returncode == 1 and 'account alice has a route to transport "no", which would be gone: '
       "letterctl account route remove alice 1" in r.stderr, "it cannot be left without its transport: %s" % r.stderr)
    s.ctl("account", "route", "remove", "alice", "1")
    is_(s.ctl_run("reload").returncode, 0, "without the route it can")
    s.write_conf(was)
    is_(s.ctl_run("reload").returncode, 0, "as it was")


def test_many_ids(s):
    """As xargs gives them; sorted, and some alone."""
    n = 75
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
    c.login(addr("alice"), PASSWORD)
    for i in range(n):
        c.sendmail(addr("alice"), ["m%02d@later.example" % (i * 7 % n)],
                   "From: %s\r\n\r\nmany\r\n" % addr("alice"), mail_options=["HOLDFOR=3600"])
    c.quit()
    rows = queue(s, "--domain", "later.example")
    ids = [r["id"].split(".")[0] for r in rows]
    is_(len(set(ids)), n, "so many messages")
    is_([r["to"] for r in queue(s, "--sort", "to", "--limit", "3", "--domain", "later.example")],
        ["m%02d@later.example" % i for i in range(3)], "the first three by recipient")
    is_([r["to"] for r in s.rows("queue", "--domain", "later.example", "--reverse", "--sort", "to",
                                 "--limit", "1")], ["m74@later.example"], "the last; \"queue\" is the list")
    is_(len(queue(s, "--limit", "60")), 60, "a limit alone")
    r = s.ctl_run("queue", "list", "--sort", "nonsense")
    ok(r.returncode == 2 and r.stdout == "" and "no field" in r.stderr, "no such field: %s" % r.stderr)
    is_([r["id"] for r in queue(s, *ids)], [i + ".1" for i in ids], "all of them by id")
    is_(len(queue(s, "--to", "m00@later.example", *ids)), 1, "with a filter")
    is_([r["id"] for r in s.rows("queue", "show", *reversed(ids))], [i + ".1" for i in reversed(ids)],
        "shown, in their order")
    is_(s.ctl("queue", "hold", *ids).split("\n")[:2], ["60 recipients held", "15 recipients held"], "held")
    r = s.ctl_run("queue", "drop", "--held", "yes", "ffffff", *ids)
    ok(r.returncode == 1 and "not there: 00ffffff" in r.stderr, "one is not there: %s" % r.stderr)
    is_(queue(s, "--domain", "later.example"), [], "all others are gone")


def test_dsn(s):
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
    c.login(addr("alice"), PASSWORD)
    c.sendmail(addr("alice"), [addr("bob")],
               ("From: %s\r\nSubject: dsn-1\r\n\r\nx\r\n" % addr("alice")).encode(),
               mail_options=["ENVID=env+2B1", "RET=HDRS"],
               rcpt_options=["NOTIFY=SUCCESS", "ORCPT=rfc822;Bob+40there"])
    c.sendmail(addr("alice"), ["n@c.fail.example"],
               ("From: %s\r\nSubject: dsn-2\r\n\r\nx\r\n" % addr("alice")).encode(),
               rcpt_options=["NOTIFY=NEVER"])
    c.quit()
    got = wait_mail(s, "alice", "Action: delivered")
    ok(got and "Original-Envelope-Id: env+1" in got[0]
       and "Original-Recipient: rfc822; Bob@there" in got[0], "NOTIFY=SUCCESS, ENVID, ORCPT")
    wait_for(lambda: queue(s) == [])
    ok(not [m for m in inbox(s, "alice") if "n@c.fail.example" in m], "NOTIFY=NEVER")


def test_mx(s):
    """Two partitions: the queue takes it and delivers."""
    c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=60)
    c.sendmail("x@foreign.example", [addr("alice"), addr("bob"), addr("outbox")],
               b"From: x@foreign.example\r\nSubject: mx-1\r\n\r\nx\r\n")
    c.quit()
    ok(all(len(wait_mail(s, a, "Subject: mx-1")) == 1 for a in ("alice", "bob", "outbox")),
       "mail to several accounts arrives once in each")


def test_kill(s):
    """What was answered with 250 is there, once, however queued ends."""
    accepted, lock, stop = [], threading.Lock(), threading.Event()

    def client(k):
        n, c = 0, None
        while not stop.is_set():
            n += 1
            subject = "kill-%d-%d" % (k, n)
            try:
                if c is None:
                    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
                    c.login(addr("alice"), PASSWORD)
                c.sendmail(addr("alice"), [addr("bob"), "k@foreign.example"],
                           ("From: %s\r\nSubject: %s\r\n\r\nx\r\n" %
                            (addr("alice"), subject)).encode())
            except (OSError, smtplib.SMTPException):
                if c is not None:
                    c.close()
                c = None
                stop.wait(0.3)
                continue
            with lock:
                accepted.append(subject)

    threads = [threading.Thread(target=client, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for _ in range(5):
        before = len(accepted)
        ok(wait_for(lambda: len(accepted) >= before + 10), "it accepts mail")
        s.kill("queued")
        wait_for(lambda: s.pid("queued"))
    before = len(accepted)
    ok(wait_for(lambda: len(accepted) >= before + 5), "and again after the last kill")
    stop.set()
    for t in threads:
        t.join()
    ok(wait_for(lambda: queue(s) == []), "the queue runs empty")
    for account in ("bob", "outbox"):
        got = {}
        for m in inbox(s, account):
            x = re.search(r"Subject: (kill-\d+-\d+)\r\n", m)
            if x:
                got[x[1]] = got.get(x[1], 0) + 1
        is_(sorted(a for a in accepted if got.get(a) != 1), [],
            "%s has each of %d once" % (account, len(accepted)))


def main():
    with Suite(conf=CONF, accounts=("alice", "bob", "outbox")) as s:
        test_flow(s)
        test_not_allowed(s)
        test_letterctl(s)
        test_many_ids(s)
        test_dsn(s)
        test_mx(s)
        test_kill(s)
    done()


main()
