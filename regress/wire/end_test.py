#!/usr/bin/env python3
"""What ends open sessions, in every process: a new password if asked, disabling and removing
an account; and that it ends nobody else's."""
from hard_auth import ImapAuth, Smtp, plain
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for


def sessions(s, account):
    """Two of IMAP, one of them idle, and a submission amid a message."""
    out = []
    for P in (ImapAuth, ImapAuth, Smtp):
        c = P(s)
        got = c.begin("PLAIN", plain("%s@%s" % (account, DOMAIN), PASSWORD))
        ok(got[0].startswith(("OK", "235")), "%s of %s" % (P.__name__, account)) or diag(got)
        out.append(c)
    out[1].c.cmd(b"SELECT INBOX")
    out[1].c.send(b"i IDLE\r\n")
    out[1].c.response()
    out[2].c.say("MAIL FROM:<%s@%s>\r\n" % (account, DOMAIN))
    return out


def over(c):
    """Ended, by a word or a closed connection."""
    if isinstance(c, Smtp) and not isinstance(c, ImapAuth):
        r = c.c.say("RCPT TO:<alice@%s>\r\n" % DOMAIN)
        return r == "" or r.startswith("421")
    c.c.send(b"n NOOP\r\n")
    r = c.c.until(b"n")[-1]
    return r == b"" or r.startswith(b"* BYE")


def held(s):
    return {r["account"] for r in s.rows("sessions", "list")} - {"-", "", None}


with Suite(accounts=("alice", "bob", "carol", "dave")) as s:
    kept = sessions(s, "alice")
    for account, what in (("bob", ("account", "password", "--end-sessions", "yes", "bob")),
                          ("carol", ("account", "disable", "carol", "on leave")), ("dave", ("account", "remove", "dave"))):
        theirs = sessions(s, account)
        ok(account in held(s), "sessions of %s are held" % account)
        s.ctl(*what, input="another-password\n" if what[1] == "password" else "")
        ok(wait_for(lambda: account not in held(s)), " ".join(what[:2]) + ": no process holds one any more")
        is_([over(c) for c in theirs], [True] * 3, "and the clients know")
        for c in theirs:
            c.close()
    ok(kept[0].alive(), "another's IMAP session goes on")
    ok(kept[2].c.say("RCPT TO:<alice@%s>\r\n" % DOMAIN).startswith("250"), "and another's submission")
    s.ctl("account", "password", "alice", input="another-password\n")
    ok(kept[0].alive() and not over(kept[2]), "a new password alone ends none")
    for c in kept:
        c.close()
done()
