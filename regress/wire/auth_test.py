#!/usr/bin/env python3
"""Logging in, over the wire: every mechanism, SMTP and IMAP, and what letterctl changes."""
import base64
import hashlib
import hmac
import imaplib
import os
import pty
import smtplib
import signal
import socket
import ssl
import tempfile
import termios
import threading
import time
import unicodedata

from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, is_, ok, wait_for

ALICE = "alice@" + DOMAIN
BOB = "bob@" + DOMAIN
WRONG = "Xq7-not-it-at-all"


def b64(b):
    return base64.b64encode(b).decode()


class Scram:
    """A client of RFC 5802; bind: (name, data) of a channel binding."""

    def __init__(self, digest, user, password, bind=None):
        self.digest, self.password = digest, password.encode()
        self.gs2 = b"n,," if bind is None else b"p=" + bind[0].encode() + b",,"
        self.cb = b64(self.gs2 + (b"" if bind is None else bind[1]))
        self.nonce = b64(os.urandom(12))
        name = user.replace("=", "=3D").replace(",", "=2C")
        self.bare = ("n=%s,r=%s" % (name, self.nonce)).encode()

    def first(self):
        return self.gs2 + self.bare

    def final(self, server):
        f = dict(x.split("=", 1) for x in server.decode().split(","))
        self.salt, self.i = f["s"], int(f["i"])
        assert f["r"].startswith(self.nonce) and f["r"] != self.nonce
        salted = hashlib.pbkdf2_hmac(self.digest, self.password,
                                     base64.b64decode(f["s"]), int(f["i"]))
        h = lambda k, m: hmac.new(k, m, self.digest).digest()
        key = h(salted, b"Client Key")
        without = ("c=%s,r=%s" % (self.cb, f["r"])).encode()
        msg = self.bare + b"," + server + b"," + without
        sig = h(hashlib.new(self.digest, key).digest(), msg)
        self.signature = h(h(salted, b"Server Key"), msg)
        return without + b",p=" + b64(bytes(a ^ b for a, b in zip(key, sig))).encode()

    def proven(self, server):
        return server == b"v=" + b64(self.signature).encode()


def context(tls12=False):
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    if tls12:
        c.maximum_version = ssl.TLSVersion.TLSv1_2
    return c


def replies(mech, user, password, bind=None):
    """A generator: yields what to send, is sent what the server said."""
    if mech == "PLAIN":
        yield ("\0%s\0%s" % (user, password)).encode()
    elif mech == "LOGIN":
        yield user.encode()
        yield password.encode()
    else:
        s = Scram("sha256" if "256" in mech else "sha1", user, password, bind)
        challenge = yield s.first()
        challenge = yield s.final(challenge)
        if challenge.startswith(b"v="):
            assert s.proven(challenge), "the server's signature"
        yield b""


def smtp_login(c, mech, user, password, bind=None):
    """The last reply code, and its text."""
    r = replies(mech, user, password, bind)
    if mech == "LOGIN":
        code, text = c.docmd("AUTH LOGIN")
    else:
        code, text = c.docmd("AUTH", mech + " " + b64(next(r)))
    first = mech == "LOGIN"
    while code == 334:
        data = next(r) if first else r.send(base64.b64decode(text))
        first = False
        if mech == "LOGIN":
            first = True
        code, text = c.docmd(b64(data))
    return code, text.decode()


def imap_login(m, mech, user, password, bind=None):
    """"OK", or the tagged reply."""
    r = replies(mech, user, password, bind)
    begun = [False]

    def answer(challenge):
        if not begun[0] or mech == "LOGIN":
            begun[0] = True
            return next(r)
        return r.send(challenge)
    try:
        m.authenticate(mech, answer)
        return "OK"
    except imaplib.IMAP4.error as e:
        return str(e)


def end_point(sock):
    return "tls-server-end-point", hashlib.sha256(sock.getpeercert(True)).digest()


def smtp(s):
    c = smtplib.SMTP("127.0.0.1", s.submission, timeout=60)
    c.ehlo("client.example")
    return c


def imap(s):
    return imaplib.IMAP4("127.0.0.1", s.imap, timeout=60)


def mechanisms(s):
    for mech in ("PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1"):
        c = smtp(s)
        is_(smtp_login(c, mech, ALICE, PASSWORD)[0], 235, "SMTP %s" % mech)
        c.quit()
        c = smtp(s)
        code, text = smtp_login(c, mech, ALICE, PASSWORD + "x")
        is_((code, text[:5]), (535, "5.7.8"), "SMTP %s, a wrong password" % mech)
        is_(smtp_login(c, mech, "nobody@" + DOMAIN, PASSWORD), (code, text),
            "SMTP %s, an unknown user hears the same" % mech)
        is_(smtp_login(c, mech, ALICE, PASSWORD)[0], 235, "SMTP %s, and then the right one" % mech)
        c.quit()
        m = imap(s)
        is_(imap_login(m, mech, ALICE, PASSWORD), "OK", "IMAP %s" % mech)
        is_(m.select()[0], "OK", "and the mailbox is there")
        m.logout()
        m = imap(s)
        bad = imap_login(m, mech, ALICE, PASSWORD + "x")
        ok("[AUTHENTICATIONFAILED]" in bad, "IMAP %s, a wrong password" % mech)
        is_(imap_login(m, mech, "nobody@" + DOMAIN, PASSWORD), bad,
            "IMAP %s, an unknown user hears the same" % mech)
        m.shutdown()
    m = imap(s)
    try:
        m.login("alice", PASSWORD)
        ok(False, "the account's name is no login")
    except imaplib.IMAP4.error as e:
        ok("[AUTHENTICATIONFAILED]" in str(e), "the account's name is no login")
    is_(m.login("ALICE+x@Letterlock.TEST", PASSWORD)[0], "OK", "LOGIN in another spelling")
    m.logout()


def bindings(s):
    for mech in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"):
        c = smtplib.SMTP_SSL("127.0.0.1", s.submissions, context=context(), timeout=60)
        c.ehlo("client.example")
        ok(mech in c.esmtp_features["auth"].split(), "%s is announced under TLS" % mech)
        is_(smtp_login(c, mech, ALICE, PASSWORD, end_point(c.sock))[0], 235,
            "SMTP %s, bound to the certificate" % mech)
        c.quit()
        m = imaplib.IMAP4_SSL("127.0.0.1", s.imaps, ssl_context=context(), timeout=60)
        is_(imap_login(m, mech, ALICE, PASSWORD, end_point(m.sock)), "OK",
            "IMAP %s, bound to the certificate" % mech)
        m.logout()
    m = imaplib.IMAP4_SSL("127.0.0.1", s.imaps, ssl_context=context(), timeout=60)
    bad = imap_login(m, "SCRAM-SHA-256-PLUS", ALICE, PASSWORD, ("tls-server-end-point", b"x" * 32))
    ok("[AUTHENTICATIONFAILED]" in bad, "bound to another certificate")
    m.shutdown()
    m = imaplib.IMAP4_SSL("127.0.0.1", s.imaps, ssl_context=context(tls12=True), timeout=60)
    bind = "tls-unique", m.sock.get_channel_binding("tls-unique")
    is_(imap_login(m, "SCRAM-SHA-256-PLUS", ALICE, PASSWORD, bind), "OK",
        "bound to the handshake, TLS 1.2")
    m.logout()
    c = smtp(s)
    ok("SCRAM-SHA-256-PLUS" not in c.esmtp_features["auth"].split(),
       "without TLS there is nothing to bind to")
    c.quit()


def failures(s):
    for _ in range(5):		# the machine may stand still during the first
        c = smtp(s)
        took = []
        for _ in range(3):
            begin = time.monotonic()
            smtp_login(c, "PLAIN", ALICE, WRONG)
            took.append(time.monotonic() - begin)
        if took[0] < took[2] - 0.5:
            break
    ok(0.4 < took[0] < took[2] - 0.5, "the third refusal comes later than the first")
    code, text = smtp_login(c, "PLAIN", ALICE, PASSWORD)
    is_((code, text[:5]), (421, "4.7.0"), "the fourth try ends the connection")
    c.close()
    m = imap(s)
    for _ in range(3):
        imap_login(m, "PLAIN", BOB, WRONG)
    imap_login(m, "PLAIN", BOB, PASSWORD)
    ok(b"too many failed logins" in b"".join(m.untagged_responses.get("BYE", [])), "as with IMAP")
    m.shutdown()
    c = smtp(s)
    is_(c.docmd("AUTH PLAIN")[0], 334, "a challenge")
    is_(c.docmd("*")[0], 501, "given up")
    is_(c.docmd("AUTH", "PLAIN !!!!")[0], 501, "no base64")
    is_(smtp_login(c, "PLAIN", ALICE, PASSWORD)[0], 235, "and then it works")
    c.quit()
    c = smtp(s)
    is_(c.docmd("AUTH", "PLAIN " + b64(b"alice\0x"))[0], 501, "one NUL too few")
    is_(smtp_login(c, "PLAIN", ALICE, PASSWORD)[0], 235, "and then it works")
    c.quit()
    ok("failed login from 127.0.0.1: submission PLAIN user \"%s\" badpassword" % ALICE in s.logged(),
       "the log says so, for fail2ban")
    rows = s.rows("logins", "bob")
    ok(any(r["result"] == "badpassword" and r["count"] == 3 and r["mechanism"] == "PLAIN" and
           r["protocol"] == "imap" and r["remote"] == "127.0.0.1" for r in rows),
       "so does the log of logins")
    ok(any(r["account"] == "-" and r["address"] == "nobody@" + DOMAIN and r["result"] == "baduser"
           for r in s.rows("logins")), "with those of nobody")
    ok(WRONG not in s.logged() and b64(WRONG.encode()) not in s.logged(),
       "no password is in the log")


def changes(s):
    m = imap(s)
    m.login(BOB, PASSWORD)
    s.ctl("account", "disable", "bob", "on leave until May")
    ok(wait_for(lambda: ended(m)), "disabling ends sessions")
    c = smtp(s)
    code, text = smtp_login(c, "PLAIN", BOB, PASSWORD)
    is_((code, text), (525, "5.7.13 on leave until May"), "with the right password one is told")
    is_(smtp_login(c, "PLAIN", BOB, PASSWORD + "x")[0], 535, "with a wrong one not")
    c.quit()
    m = imap(s)
    ok("on leave until May" in imap_login(m, "SCRAM-SHA-256", BOB, PASSWORD), "IMAP says it too")
    m.shutdown()
    c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=60)
    is_(c.sendmail("x@remote.example", [BOB], "Subject: x\r\n\r\nx\r\n"), {}, "mail is still taken")
    c.quit()
    s.ctl("account", "enable", "bob")
    m = imap(s)
    is_(m.login(BOB, PASSWORD)[0], "OK", "enabled again")
    word = "pa\u0308sswo\u0308rd\u00a0eins"
    s.ctl("account", "password", "bob", input=word + "\n")
    is_(m.noop()[0], "OK", "a new password ends no session")
    n = imap(s)
    ok(imap_login(n, "PLAIN", BOB, PASSWORD) != "OK", "the former password is over at once")
    is_(imap_login(n, "PLAIN", BOB, unicodedata.normalize("NFC", word).replace("\u00a0", " ")),
        "OK", "the new one, in another spelling")
    n.logout()
    s.ctl("account", "password", "--end-sessions", "yes", "bob", input=PASSWORD + "\n")
    ok(wait_for(lambda: ended(m)), "unless asked to")
    s.ctl("account", "add", "carol", "carol@" + DOMAIN, input=PASSWORD + "\n")
    s.ctl("address", "add", "carol", "@" + DOMAIN)
    n = imap(s)
    is_(n.login("anything@" + DOMAIN, PASSWORD)[0], "OK", "who has all of a domain logs in so")
    s.ctl("account", "remove", "carol")
    ok(wait_for(lambda: ended(n)), "removing an account ends its sessions")
    c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=60)
    c.ehlo("remote.example")
    c.mail("x@remote.example")
    is_(c.rcpt("anything@" + DOMAIN)[0], 550, "and nobody has its addresses")
    c.quit()
    r = s.ctl_run("account", "add", "dave", "dave@elsewhere.example", input=PASSWORD + "\n")
    ok(r.returncode == 1 and "elsewhere.example is no domain" in r.stderr, "a foreign domain")
    r = s.ctl_run("account", "add", "dave", "dave@" + DOMAIN, input="short\n")
    ok(r.returncode == 1 and "at least 8" in r.stderr, "a short password")
    is_(sorted(r["name"] for r in s.rows("account", "list")), ["alice", "bob"], "two are left")


def ended(m):
    try:
        m.noop()
        return False
    except (imaplib.IMAP4.error, OSError):
        return True


def restart(s):
    m = imap(s)
    m.login(ALICE, PASSWORD)
    c = smtp(s)
    smtp_login(c, "PLAIN", ALICE, PASSWORD)
    waiting = imap(s)
    before = s.kill("auth")
    is_(m.noop()[0], "OK", "auth ends, an IMAP session does not")
    ok(wait_for(lambda: s.pid("auth") not in (None, before)), "it is started again")
    ok(wait_for(lambda: imap_login(waiting, "PLAIN", ALICE, PASSWORD) == "OK"),
       "who was waiting can log in, if not at once")
    waiting.logout()

    def again():
        n = imap(s)
        rc = imap_login(n, "SCRAM-SHA-256", ALICE, PASSWORD)
        n.shutdown()
        return rc == "OK"
    ok(wait_for(again), "logins work again")
    is_(m.select()[0], "OK", "the session goes on")
    m.logout()

    def submit():
        try:
            return c.sendmail(ALICE, [ALICE], "From: %s\r\nSubject: x\r\n\r\nx\r\n" % ALICE) == {}
        except smtplib.SMTPException:
            return False
    ok(wait_for(submit), "so does a submission")
    c.close()


def killed(s):
    """auth ends at any moment: what letterctl was told is so."""
    added, stop = [], threading.Event()

    def add():
        n = 0
        while not stop.is_set():
            n += 1
            r = s.ctl_run("account", "add", "k%d" % n, "k%d@%s" % (n, DOMAIN),
                          input=PASSWORD + "\n")
            if r.returncode == 0:
                added.append("k%d" % n)
    t = threading.Thread(target=add)
    t.start()
    for i in range(4):
        n = len(added)
        wait_for(lambda: len(added) > n + i)		# it is amid others then
        pid = s.pid("auth")
        if pid:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: s.pid("auth") not in (None, pid))
    stop.set()
    t.join()
    wait_for(lambda: s.ctl_run("account", "list").returncode == 0)
    there = [r["name"] for r in s.rows("account", "list")]
    ok(added and set(added) <= set(there), "%d accounts added, auth killed: all are there" %
       len(added))
    is_(len(there), len(set(there)), "once")
    for a in there:
        if a.startswith("k"):
            s.ctl("account", "remove", a)
    r = s.ctl_run("verify")
    ok("checked, 0 bad" in r.stdout, "and nothing is damaged")


def local(s, path):
    """A socket of this machine: who one is the kernel says."""
    def talk(lines):
        k = socket.socket(socket.AF_UNIX)
        k.settimeout(60)
        k.connect(path)
        f = k.makefile("rwb")
        out = [f.readline().decode()]
        for line in lines:
            f.write(line.encode() + b"\r\n")
            f.flush()
            while True:
                out.append(f.readline().decode())
                if out[-1][3:4] != "-":
                    break
        k.close()
        return out
    ok(talk([])[0].startswith("421") or talk([])[0].startswith("554"), "no account, no submission")
    s.ctl("account", "local-user", "alice", str(os.getuid()))
    out = talk(["EHLO localhost", "MAIL FROM:<%s>" % ALICE, "RCPT TO:<%s>" % BOB])
    ok(out[0].startswith("220") and out[-1].startswith("250") and out[-2].startswith("250"),
       "submission without a password")
    out = talk(["EHLO localhost", "MAIL FROM:<%s>" % BOB])
    ok(out[-1].startswith("550"), "for the addresses of that account")
    s.ctl("account", "local-user", "alice", "-")
    r = s.ctl_run("account", "local-user", "alice", "no-such-user-here")
    is_(r.returncode, 2, "a user that is not there")


def terminal(s, keys):
    """letterctl account add at a terminal: exit status, what is seen, does it echo again?"""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(BUILD + "/letterctl", ["letterctl", "-s", s.dir + "/control.sock", "account", "add", "tty",
                                        "tty@" + DOMAIN])
    seen = b""
    for prompt, key in zip((b"Password: ", b"Again: "), keys):
        while prompt not in seen:
            seen += os.read(fd, 1000)
        ok(wait_for(lambda: not termios.tcgetattr(fd)[3] & termios.ECHO), "%s does not echo" % prompt)
        os.write(fd, key)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    echo = bool(termios.tcgetattr(fd)[3] & termios.ECHO)
    os.close(fd)
    return status, b"geheim" in seen, echo


def typed(s):
    is_(terminal(s, [b"geheim123\n", b"geheim124\n"]), (2, False, True), "passwords that differ")
    is_(terminal(s, [b"geheim\x03"]), (-signal.SIGINT, False, True), "an interrupt: the terminal is as it was")
    is_(terminal(s, [b"geheim123\n", b"geheim123\n"]), (0, False, True), "a password typed twice")
    is_(imap_login(imap(s), "PLAIN", "tty@" + DOMAIN, "geheim123"), "OK", "it is the account's")


def tools(s):
    typed(s)
    r = s.ctl_run("verify")
    ok("checked, 0 bad" in r.stdout, "verify")
    is_(s.rows("account", "show", "alice")[0]["verifiers"], ["SCRAM-SHA-256", "SCRAM-SHA-1"],
        "account show")
    r = s.ctl_run("backup", s.dir + "/copy")
    is_(r.returncode, 0, "backup") or diag(r.stderr)
    ok(os.path.exists(s.dir + "/copy/auth/account.db"), "with the accounts in it")


def limits(s):
    s.write_conf(s.base.replace("login-failures-address 10000", "login-failures-address 4") +
                 'listen on socket "%s/submit" submission\n' % s.dir)
    s.ctl("reload")
    def shut():
        try:
            m = imap(s)
            m.shutdown()
            return False
        except imaplib.IMAP4.error as e:
            return "BYE" in str(e) or "too many" in str(e)

    def guess(i):
        m = imap(s)
        imap_login(m, "PLAIN", ALICE, WRONG + str(i))
        m.shutdown()
    for i in range(4):
        ok(not shut(), "after %d" % i)
        guess(i)
    ok(shut(), "after so many failures nobody logs in from that address")
    c = smtplib.SMTP("127.0.0.1", s.smtp, timeout=60)
    is_(c.ehlo("remote.example")[0], 250, "mail comes from there all the same")
    c.quit()


where = tempfile.mkdtemp(prefix="letterlock-")
with Suite(conf='listen on socket "%s/submit" submission\n' % where, dir=where) as s:
    s.own = True
    for part in (mechanisms, bindings, failures, changes, restart, killed, tools):
        diag(part.__name__)
        part(s)
    diag("local")
    local(s, where + "/submit")
    diag("limits")
    limits(s)
done()
