#!/usr/bin/env python3
"""What becomes of mail for others, case by case in the running suite: what its
sender is told (the codes that the queue itself gives, DSN), transactions and
connections, transports that come and go, a loop."""
import email
import imaplib
import re
import smtplib
import ssl
import tempfile

from dns import Dns, a, mx
from smtpsink import Sink
from suite import DOMAIN, PASSWORD, Suite, certificate, diag, done, is_, ok, wait_for

ALICE = "alice@" + DOMAIN
BODY = "A line.\r\n"
CERT = tempfile.mkdtemp(prefix="letterlock-cert-")
certificate(CERT)


def no(text):
    return lambda args, session: text


#	name		server			message			what its sender is told
TOLD = (
    ("refused", {"replies": {"RCPT": no("550 5.2.1 disabled")}}, {},
     ["Status: 5.2.1", "Remote-MTA: dns; [127.0.0.1]", "Diagnostic-Code: smtp; 550 5.2.1 disabled"]),
    ("plain", {"replies": {"RCPT": no("550 who")}}, {}, ["Status: 5.0.0", "Diagnostic-Code: smtp; 550 who"]),
    ("end", {"replies": {"END": no("554 5.6.0 not this")}}, {},
     ["Status: 5.6.0", "Diagnostic-Code: smtp; 554 5.6.0 not this"]),
    ("eight", {"ext": ["PIPELINING"]}, {"body": "\u00fc\r\n", "options": ["BODY=8BITMIME"]},
     ["Status: 5.6.3", "Diagnostic-Code: x-letterlock;"]),
    ("size", {"ext": ["SIZE 10"]}, {}, ["Status: 5.3.4", "Diagnostic-Code: x-letterlock;"]),
    ("utf8", {"ext": ["8BITMIME"]}, {"local": "\u00fc", "options": ["SMTPUTF8", "BODY=8BITMIME"]},
     ["Status: 5.6.7", "Diagnostic-Code: x-letterlock;", "Final-Recipient: utf-8;"]),
    ("req", {}, {"options": ["REQUIRETLS"]},
     ["Status: 5.7.30", "Diagnostic-Code: x-letterlock; 554 5.7.30"]),
    ("fail", None, {}, ["Status: 5.7.0", "Diagnostic-Code: x-letterlock; 554 5.7.0 not from here"]),
    ("fail550", None, {}, ["Status: 5.7.0", "Diagnostic-Code: x-letterlock; 550 5.7.0"]),
    ("null", "dns", {}, ["Status: 5.1.10", "Diagnostic-Code: x-letterlock; 556 5.1.10"]),
    ("nowhere", "dns", {}, ["Status: 5.1.2", "Diagnostic-Code: x-letterlock;"]),
    ("noaddress", "dns", {}, ["Status: 5.4.4", "Diagnostic-Code: x-letterlock;"]),
    ("us", "dns", {}, ["Status: 5.4.6", "Diagnostic-Code: x-letterlock;"]),
    ("success", {}, {"options": ["ENVID=an+2Bid", "RET=FULL"],
                     "rcpt": ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+40x@success.example"]},
     ["Action: relayed", "Status: 2.", "Original-Envelope-Id: an+id",
      "Original-Recipient: rfc822; first@x@success.example", "Final-Recipient: rfc822; x@success.example"]),
    ("full", {"replies": {"RCPT": no("550 5.1.1 no")}}, {"options": ["RET=FULL"]},
     ["Status: 5.1.1", "Content-Type: message/rfc822", "\n" + BODY.strip()]),
    ("hdrs", {"replies": {"RCPT": no("550 5.1.1 no")}}, {"options": ["RET=HDRS"]},
     ["Status: 5.1.1", "Content-Type: text/rfc822-headers", "!\n" + BODY.strip()]),
    ("never", {"replies": {"RCPT": no("550 5.1.1 no")}}, {"rcpt": ["NOTIFY=NEVER"]}, None),
    ("only", {"replies": {"RCPT": no("550 5.1.1 no")}}, {"rcpt": ["NOTIFY=SUCCESS"]}, None),
)


def full(args, session):
    """552 for the second of a transaction."""
    return "552 too many recipients" if session.rcpts else "250 ok"


later = {"gate": False}
OTHERS = {
    "once": {}, "limit": {"ext": ["PIPELINING", "8BITMIME", "LIMITS RCPTMAX=1"]}, "full552": {"replies": {"RCPT": full}},
    "gone": {}, "delay": {"replies": {"RCPT": lambda x, y: "250 ok" if later["gate"] else "451 4.2.1 later"}},
    "many": {"replies": {"RCPT": no("550 5.1.1 " + "no such user " * 20)}},
    "early": {}, "hold": {"replies": {"RCPT": no("451 4.2.1 later")}},
}


def submit(s, name, to=None, body=BODY, options=(), rcpt=(), local="x"):
    to = to or ["%s@%s.example" % (local, name)]
    c = smtplib.SMTP_SSL("127.0.0.1", s.submissions, context=ssl._create_unverified_context())
    c.login(ALICE, PASSWORD)
    if "SMTPUTF8" in options:
        c.command_encoding = "utf-8"
    c.ehlo()
    codes = [c.mail(ALICE, options)[0]] + [c.rcpt(t, rcpt)[0] for t in to]
    codes.append(c.data(("From: %s\r\nSubject: about %s\r\n\r\n%s" % (ALICE, name, body)).encode())[0])
    c.quit()
    return is_(set(codes), {250}, name + ": accepted")


def reports(s, about=None):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(ALICE, PASSWORD)
    m.select("INBOX", readonly=True)
    d = m.fetch("1:*", "(BODY.PEEK[])")[1]
    m.logout()
    got = [email.message_from_bytes(x[1]) for x in d if isinstance(x, tuple)]
    return [r for r in got if r.get_content_type().startswith("multipart/report") and
            (about is None or "Subject: about %s\n" % about in r.as_string().replace("\r", ""))]


def told(s):
    for name, _, m, _ in TOLD:
        submit(s, name, **m)
    for name, _, m, want in TOLD:
        if want is None:
            ok(wait_for(lambda: " failed to=<x@%s.example>" % name in s.logged()), name + ": it fails")
            continue
        got = wait_for(lambda: reports(s, name))
        if not ok(got and len(got) == 1, name + ": one report"):
            diag(s.logged()[-2000:])
            continue
        text = re.sub(r"\n[ \t]+", " ", got[0].as_string().replace("\r", ""))
        wrong = [w for w in want if (w[1:] in text if w[0] == "!" else w not in text)]
        is_(wrong, [], "%s: %s" % (name, want[0])) or diag(text)
        ok(got[0]["From"].endswith("<postmaster@mail.letterlock.test>") and got[0]["To"] == ALICE and
           got[0]["Auto-Submitted"] == "auto-replied", name + ": from postmaster, to its sender")
    is_([n for n in ("never", "only") if reports(s, n)], [], "never, only: and nobody is told")


def transactions(s, sinks):
    two = ["x@once.example", "y@once.example"]
    submit(s, "once", two)
    submit(s, "limit", ["x@limit.example", "y@limit.example", "z@limit.example"])
    submit(s, "full552", ["x@full552.example", "y@full552.example"])
    ok(wait_for(lambda: len(sinks["limit"].messages) == 3 and len(sinks["full552"].messages) == 2 and
                sinks["once"].messages), "they arrive")
    is_([sorted(m["rcpts"]) for m in sinks["once"].messages], [two], "once: two recipients, one transaction")
    is_(([len(m["rcpts"]) for m in sinks["limit"].messages], len(sinks["limit"].sessions)), ([1, 1, 1], 1),
        "limit: RCPTMAX=1: three transactions of a connection")
    is_(([len(m["rcpts"]) for m in sinks["full552"].messages], len(sinks["full552"].sessions)), ([1, 1], 1),
        "full552: what 552 leaves over goes in the next one")
    before = [len(sinks[n].sessions) for n in ("once", "early")]
    submit(s, "once", ["x@once.example", "x@early.example"])
    ok(wait_for(lambda: len(sinks["once"].messages) == 2 and sinks["early"].messages) and
       len(sinks["early"].sessions) == before[1] + 1, "two domains, a connection each")


def delay(s, held):
    """O11: told of a delay once, then delivered."""
    got = wait_for(lambda: reports(s, "delay"))
    text = re.sub(r"\n[ \t]+", " ", got[0].as_string().replace("\r", "")) if got else ""
    ok("Action: delayed" in text and "Status: 4.2.1" in text and "Diagnostic-Code: smtp; 451 4.2.1 later" in text,
       "O11 delay: its sender is told")
    when = [email.utils.parsedate_to_datetime(re.search(k + ": (.*)", text)[1])
            for k in ("Arrival-Date", "Last-Attempt-Date", "Will-Retry-Until")] if got else []
    ok(when and 0 <= (when[1] - when[0]).total_seconds() < 60 and (when[2] - when[0]).total_seconds() == 7200,
       "O11 delay: with the times of arrival, of the last attempt and of the end") or diag(text)
    later["gate"] = True
    s.ctl("queue", "kick", "--to", "x@delay.example")
    ok(wait_for(lambda: "delivered to=<x@delay.example>" in s.logged()), "O11 delay: then it is delivered")
    is_(len(reports(s, "delay")), 1, "O11 delay: told once")
    got = wait_for(lambda: reports(s, "hold"))
    text = re.sub(r"\n[ \t]+", " ", got[0].as_string().replace("\r", "")) if got else ""
    ok("Future-Release-Request: for;4" in text, "hold: its sender wanted it later, which the report says") or diag(text)
    # from its arrival, if that was later: submitting it took so long
    since = max(held["release_at"], held["created_at"])
    until = email.utils.parsedate_to_datetime(re.search("Will-Retry-Until: (.*)", text)[1]).timestamp() if got else 0
    ok(abs(until - since - 7200) <= 1, "hold: patience counts from then on") or diag(held, text)
    s.ctl("queue", "drop", "--to", "x@hold.example")


def flood(s):
    """O4: many fail at once."""
    for part in 0, 90, 180:
        submit(s, "many", ["u%d@many.example" % k for k in range(part, part + 90)])
    got = wait_for(lambda: len(reports(s, "many")) >= 3 and reports(s, "many")) or []
    is_(len(got), 3, "O4 a report a message, not a recipient")
    ok(all(len(r.as_bytes()) < 150000 for r in got), "O4 of bounded size")
    is_(sum(r.as_string().count("Final-Recipient:") for r in got), 270, "O4 which says it of each")


def gone(s, conf, sinks):
    """A transport that is not there any more; pins; the administrator's word."""
    s.ctl("queue", "transport", "--to", "x@gone.example", "gone")
    s.write_conf(conf.replace('transport "gone"', 'transport "other"'))
    r = s.ctl_run("reload")
    ok(r.returncode != 0 and 'pinned to transport "gone"' in r.stderr, "gone: a reload does not take away what is pinned")
    s.stop()
    s.start()
    s.ctl("queue", "kick", "--to", "x@gone.example")
    row = wait_for(lambda: [r for r in s.rows("queue", "list", "--to", "x@gone.example") if "no transport" in r["last"]])
    ok(row and "451 4.3.5" in row[0]["last"], "gone: 4.3.5, it waits") or diag(s.ctl("queue", "list"))
    s.write_conf(conf)
    s.ctl("reload")
    s.ctl("queue", "kick", "--to", "x@gone.example")
    ok(wait_for(lambda: sinks["gone"].messages), "gone: it is back, and the message leaves by its pin")
    s.ctl("queue", "transport", "--to", "x@pin.example", "pin")
    s.ctl("queue", "kick", "--to", "x@pin.example")
    ok(wait_for(lambda: sinks["pin"].messages) and sinks["pin"].messages[0]["tls"],
       "pin: a transport with implicit TLS, by name alone")
    s.ctl("queue", "fail", "--to", "x@given.example")
    got = wait_for(lambda: [r for r in reports(s, "given") if "Action: failed" in r.as_string()])
    text = got[0].as_string().replace("\r", "") if got else ""
    ok("Status: 5.7.0" in text and "Diagnostic-Code: x-letterlock; given up by the administrator" in text and
       "Remote-MTA" not in text, "given: failed by the administrator: 5.7.0, and nobody else said so")


def loop(s):
    """L7: a route that leads to ourselves."""
    submit(s, "loop")
    got = wait_for(lambda: reports(s, "loop"))
    ok(got and "Status: 5.4.6" in got[0].as_string(), "L7 a loop ends: 5.4.6") or diag(s.logged()[-2000:])
    hops = [x for x in got[0].as_string().splitlines() if x.startswith("Received:")] if got else []
    ok(50 <= len(hops) <= 110, "L7 after %d rounds" % len(hops))


sinks = {name: Sink(**server) for name, server, _, _ in TOLD if isinstance(server, dict)}
sinks.update({name: Sink(**server) for name, server in OTHERS.items()})
sinks["pin"] = Sink(cert=CERT, implicit=True)
dns = Dns({("null.example", "MX"): [mx(0, "")], ("noaddress.example", "MX"): [mx(5, "mx.noaddress.example")],
           ("mx.noaddress.example", "TXT"): [b"\1x"], ("us.example", "MX"): [mx(5, "mail.letterlock.test")],
           ("mail.letterlock.test", "A"): [a("127.0.0.1")]})
conf = ('resolver 127.0.0.1@%d\nallow-private-addresses\nretry first { 0, 2s, 1h } expire 2h delay-report 1s\n'
        'transport "fail" fail code 554 text "not from here"\ntransport "fail550" fail code 550\n'
        'transport "wait" fail code 450\n'
        'route to { "gone.example", "pin.example", "given.example" } transport "wait"\n' % dns.port)
for name, sink in sinks.items():
    conf += 'transport "%s" smtp host "127.0.0.1" port %d tls %s\n' % (
        name, sink.port, "implicit verify no" if name == "pin" else "off")
for name in list(sinks) + ["fail", "fail550", "loop"]:
    if name not in ("gone", "pin"):
        conf += 'route to "%s.example" transport "%s"\n' % (name, name)
with tempfile.TemporaryDirectory() as d, Suite(conf + 'transport "loop" fail\n', dir=d) as s:
    conf = s.base + conf + ('transport "loop" submission host "127.0.0.1" port %d tls off auth "me" '
                            'mechanisms { plain }\n' % s.submission)
    s.ctl("secret", "set", "me", ALICE, input=PASSWORD + "\n")
    s.write_conf(conf)
    is_(s.ctl_run("reload").returncode, 0, "a transport to ourselves")
    for name in "delay", "gone", "pin", "given":
        submit(s, name)
    submit(s, "hold", options=["HOLDFOR=4"])
    held = s.rows("queue", "list", "--to", "x@hold.example")[0]
    told(s)
    transactions(s, sinks)
    delay(s, held)
    gone(s, conf, sinks)
    flood(s)
    loop(s)
done()
