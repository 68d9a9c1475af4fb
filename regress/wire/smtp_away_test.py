#!/usr/bin/env python3
"""SMTP while another process is away, at a reload and at the end; connections in the list of sessions."""
import base64
import os
import signal
import smtplib
import time

from suite import DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, wait_for
from thin import fetch_all

ALICE = "alice@" + DOMAIN
BOB = "bob@" + DOMAIN


def client(s):
    c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=180)
    c.ehlo("remote.example")
    return c


def codes(c, *lines):
    out = []
    for l in lines:
        c.send(l + "\r\n")
        out.append(c.getreply()[0])
    return out


def count(s, user, subject):
    return sum("Subject: %s\r\n" % subject in m for m in fetch_all(s, user))


def up(s, role, dead):
    """Others than these are there, and ready."""
    def others():
        rows = s.rows("status")
        return any(r["role"] == role for r in rows) and all(r["state"] == "ready" and r["pid"] not in dead for r in rows)
    return wait_for(others)


def until(c, wants, *commands):
    """What they say once a process that was away has its links again."""
    def again():
        got.append(codes(c, *commands))
        return got[-1] == wants
    got = []
    wait_for(again, step=0.5)
    return got[-1]


def store_stopped(s):
    """A store that does not answer: the queue takes it, once."""
    stores = [r["pid"] for r in s.rows("status") if r["role"] == "store"]
    c = client(s)
    is_(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA"), [250, 250, 354], "up to DATA")
    for p in stores:
        os.kill(p, signal.SIGKILL)
    is_(codes(c, "Subject: killed\r\n\r\nx\r\n."), [250], "the stores are killed, the message is accepted")
    up(s, "store", stores)
    ok(wait_for(lambda: count(s, "alice", "killed") > 0), "and delivered")
    time.sleep(1)
    is_(count(s, "alice", "killed"), 1, "once")
    c.quit()


def store_hangs(s):
    stores = [r["pid"] for r in s.rows("status") if r["role"] == "store"]
    c = client(s)
    for p in stores:
        os.kill(p, signal.SIGSTOP)
    is_(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA", "Subject: hangs\r\n\r\nx\r\n."),
        [250, 250, 354, 250], "the stores hang, the queue takes the message")
    for p in stores:
        try:
            os.kill(p, signal.SIGCONT)
        except OSError:
            pass
    up(s, "store", ())
    ok(wait_for(lambda: count(s, "alice", "hangs") > 0), "it is delivered")
    time.sleep(1)
    is_(count(s, "alice", "hangs"), 1, "once")
    c.quit()


def auth_away(s):
    c = client(s)
    is_(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE), [250, 250], "auth is there")
    u = smtplib.SMTP("127.0.0.1", s.submission)
    u.ehlo("x.example")
    pid = s.kill("auth", sig=signal.SIGSTOP)
    c.send("RCPT TO:<%s>\r\n" % BOB)
    os.kill(pid, signal.SIGKILL)
    is_(c.getreply()[0], 451, "auth is killed: RCPT is refused for now")
    ok(up(s, "auth", [pid]), "auth is back")
    is_(until(c, [250], "RCPT TO:<%s>" % BOB) + codes(c, "DATA", "Subject: auth\r\n\r\n."), [250, 354, 250],
        "the session goes on")
    c.quit()
    is_(until(u, [235], "AUTH PLAIN " + base64.b64encode(("\0%s\0%s" % (ALICE, PASSWORD)).encode()).decode()), [235],
        "and a login on a connection from before")
    u.close()


def queue_away(s):
    c = client(s)
    is_(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA"), [250, 250, 354], "up to DATA")
    u = smtplib.SMTP("127.0.0.1", s.submission)
    u.login(ALICE, PASSWORD)
    pid = s.kill("queued")
    is_(u.getreply()[0], 421, "queued is killed: a submission ends with 421")
    u.close()
    up(s, "queued", [pid])
    is_(codes(c, "Subject: queue\r\n\r\n."), [451], "a message begun before is refused for now")
    got = until(c, [250, 250, 250, 354], "RSET", "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA")
    is_(got + codes(c, "Subject: queue\r\n\r\n."), [250, 250, 250, 354, 250], "the next one is taken")
    wait_for(lambda: count(s, "alice", "queue") > 0)
    is_(count(s, "alice", "queue"), 1, "and is there once")
    c.quit()


def queue_stops(s):
    """Stopped and continued: what comes meanwhile is accepted or put off, and nothing waits for ever."""
    submit = smtplib.SMTP("127.0.0.1", s.submission)
    submit.login(ALICE, PASSWORD)
    pid = s.kill("queued", sig=signal.SIGSTOP)
    submit.send("MAIL FROM:<%s>\r\n" % ALICE)
    got = []
    for n in range(3):
        c = client(s)
        got.append(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA")[-1])
        if got[-1] == 354:
            got[-1] = codes(c, "Subject: stops%d\r\n\r\n." % n)[0]
        c.close()
    ok(set(got) <= {250, 451, 452}, "queued is stopped: mail is taken or put off: %s" % got)
    os.kill(pid, signal.SIGCONT)
    is_(submit.getreply()[0], 250, "it goes on: whoever waited has an answer")
    is_(codes(submit, "RCPT TO:<%s>" % BOB, "DATA", "From: %s\r\nSubject: waited\r\n\r\n." % ALICE), [250, 354, 250],
        "and can go on")
    submit.close()
    ok(wait_for(lambda: count(s, "bob", "waited") == 1), "delivered")
    c = client(s)
    is_(codes(c, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA", "Subject: goes on\r\n\r\n."),
        [250, 250, 354, 250], "mail from elsewhere too")
    c.close()
    ok(all(wait_for(lambda: count(s, "alice", "stops%d" % n) == (got[n] == 250)) for n in range(3)),
       "what was taken is there once")
    is_(s.pid("queued"), pid, "it is the same process")


def sessions(s):
    c = client(s)
    wait_for(lambda: len([r for r in s.rows("sessions", "list") if r["protocol"] == "smtp"]) == 1)
    rows = [r for r in s.rows("sessions", "list") if r["protocol"] == "smtp"]
    is_(len(rows), 1, "a connection is in the list of sessions")
    ok(rows and rows[0]["helo"] == "remote.example" and rows[0]["state"] == "ready" and
       rows[0]["remote"] == "127.0.0.1", "with what is known of it")
    s.ctl("sessions", "end", rows[0]["id"])
    is_(c.getreply()[0], 421, "it can be ended")
    c.close()


def reload(s):
    c = client(s)
    is_(codes(c, "MAIL FROM:<a@x.example>"), [250], "before a reload")
    port = free_ports(1)[0]
    s.write_conf(s.base + "listen on 127.0.0.1 port %d smtp tls optional\n" % port)
    s.ctl("reload")
    n = smtplib.SMTP("127.0.0.1", port)
    n.starttls()
    n.ehlo("x.example")
    is_(codes(n, "MAIL FROM:<a@x.example>", "RCPT TO:<%s>" % ALICE, "DATA", "Subject: new\r\n\r\n."),
        [250, 250, 354, 250], "a new listener")
    n.quit()
    is_(codes(c, "RCPT TO:<%s>" % ALICE, "DATA", "Subject: old\r\n\r\n."), [250, 354, 250],
        "a session from before goes on")
    c.starttls()
    is_(codes(c, "EHLO x.example"), [250], "and can have TLS")
    c.close()


def stop(s):
    c = client(s)
    s.proc.send_signal(signal.SIGTERM)
    is_(c.getreply()[0], 421, "an orderly stop says 421")
    if not ok(s.proc.wait(180) == 0, "and ends well"):
        diag(s.logged()[-3000:])


with Suite() as suite:
    sessions(suite)
    store_stopped(suite)
    store_hangs(suite)
    auth_away(suite)
    queue_away(suite)
    queue_stops(suite)
    reload(suite)
    stop(suite)
done()
