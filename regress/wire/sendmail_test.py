#!/usr/bin/env python3
"""sendmail(8): the local socket, a server with a password by each mechanism,
with a key; several recipients, Bcc, notifications; what fails is kept."""
import email
import glob
import imaplib
import os
import re
import shutil
import subprocess
import tempfile

from suite import BUILD, DOMAIN, PASSWORD, Suite, diag, done, free_ports, is_, ok, run, skip, wait_for

ALICE = "alice@" + DOMAIN
BOB = "bob@" + DOMAIN
MECHS = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
NOBODY = 65534
EX_USAGE, EX_DATAERR, EX_NOUSER, EX_NOHOST, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 64, 65, 67, 68, 75, 77, 78


class Sendmail:
    """The program, with a configuration of its own."""

    def __init__(self, d):
        self.d = d
        self.n = 0
        self.kept = d + "/kept"

    def write(self, name, text, mode=0o600):
        path = "%s/%s" % (self.d, name)
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def conf(self, *lines, failures=None):
        self.n += 1
        return self.write("conf%d" % self.n, 'failures "%s"\n' % (failures or self.kept) + "\n".join(lines) + "\n",
                          0o644)

    def run(self, conf, *args, input="", uid=None):
        def become():
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        env = dict(os.environ, HOME=self.d)
        if isinstance(input, str):
            input = input.encode()
        return subprocess.run([BUILD + "/letterctl", "sendmail", "-C", conf] + list(args), input=input,
                              capture_output=True, timeout=180, env=env, preexec_fn=become if uid else None)


def mail(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select("INBOX", readonly=True)
    d = m.fetch("1:*", "(BODY.PEEK[])")[1]
    m.logout()
    return [x[1] for x in d if isinstance(x, tuple)]


def arrives(s, user, subject):
    """The message of that subject, once it is there."""
    def look():
        for raw in mail(s, user):
            if email.message_from_bytes(raw)["Subject"] == subject:
                return raw
        return None
    return wait_for(look)


def good(r, text):
    return is_(r.returncode, 0, text) or diag(r.stderr.decode())


def last_login(s):
    found = re.findall(r"login from 127\.0\.0\.1: submissions? (\S+) account alice", s.logged())
    return found[-1] if found else None


def local(s, sm):
    conf = sm.conf('socket "%s/submit"' % s.dir, 'from "%s"' % ALICE)
    uid = os.getuid()
    s.ctl("account", "local-user", "alice", str(uid) if uid else "root")
    r = sm.run(conf, BOB, "alice", input="Subject: by uid\n\nhello\n..dots\n.\nnot this\n")
    good(r, "socket: by the number of the user")
    raw = arrives(s, "bob", "by uid")
    ok(raw and raw.endswith(b"\r\n\r\nhello\r\n..dots\r\n"), "socket: up to the lone dot, dots as they were") or diag(raw)
    m = email.message_from_bytes(raw or b"")
    ok(m["Date"] and m["Message-ID"] and ALICE in (m["From"] or ""), "socket: Date, Message-ID and From are there")
    ok(arrives(s, "alice", "by uid"), "a recipient without a domain gets the sender's")

    r = sm.run(conf, "-t", "-i", "-F", "Älice\nX-Evil: 1", "-f" + ALICE,
               input="Subject: header\nTo: Bob <%s>\nBcc: alice@\n %s,\n\t%s\n\n.\ntéxt\n" % (BOB, DOMAIN, ALICE))
    good(r, "socket: -t")
    raw = arrives(s, "bob", "header")
    ok(raw and b"bcc" not in raw.lower().split(b"\r\n\r\n")[0], "Bcc is gone, folded as it was")
    ok(raw and b"\r\n.\r\nt\xc3\xa9xt\r\n" in raw, "-i: a lone dot is text, 8 bits arrive") or diag(raw)
    ok(raw and email.message_from_bytes(raw)["X-Evil"] is None, "a line end in -F makes no field")
    ok(arrives(s, "alice", "header"), "Bcc gets it")

    r = sm.run(conf, "-N", "success", "-R", "hdrs", "-V", "id 1+1", BOB, input="Subject: notify\n\nx\n")
    good(r, "-N -R -V")
    ok(wait_for(lambda: any(b"Original-Envelope-Id: id 1+1" in x for x in mail(s, "alice"))),
       "the notification comes, with its envelope id")
    r = sm.run(conf, "-bm", "-oi", "-oem", "-odb", "-B8BITMIME", "-v", "--", BOB, input="no header at all\n")
    good(r, "flags of old programs")
    ok(b">>> MAIL FROM:" in r.stderr, "-v shows the session")

    if uid != 0:
        skip("another user: not root")
        return
    os.chmod(sm.d, 0o755)
    conf = sm.conf('socket "%s/submit"' % s.dir, failures=sm.d + "/other/kept")
    os.mkdir(sm.d + "/other")
    os.chown(sm.d + "/other", NOBODY, NOBODY)
    r = sm.run(conf, "-f", ALICE, BOB, input="Subject: stranger\n\nx\n", uid=NOBODY)
    ok(r.returncode not in (0, EX_USAGE), "a user without an account sends nothing") or diag(r.stderr)
    kept = [f for f in glob.glob(sm.d + "/other/kept/message.*") if not f.endswith(".envelope")]
    is_(len(kept), 1, "it is kept")
    is_([os.stat(p).st_mode & 0o777 for p in kept + [sm.d + "/other/kept"]], [0o600, 0o700], "for that user alone")
    s.ctl("account", "local-user", "bob", str(NOBODY) if not run("getent") else
          subprocess.run(["getent", "passwd", str(NOBODY)], capture_output=True, text=True).stdout.split(":")[0])
    r = sm.run(conf, "-f", BOB, ALICE, input="Subject: nobody's\n\nx\n", uid=NOBODY)
    good(r, "an ordinary user with an account")
    ok(arrives(s, "alice", "nobody's"), "arrives")


def server(s, sm):
    secret = 'password-file "%s"' % sm.write("password", PASSWORD + "\n")
    base = ['server "localhost"', 'authorities "%s"' % s.ca, 'user "%s"' % ALICE, 'from "%s"' % ALICE]
    for name, lines in (("implicit", ["port %d" % s.submissions]), ("STARTTLS", ["port %d" % s.submission, "tls required"])):
        good(sm.run(sm.conf(*base, secret, *lines), BOB, input="Subject: %s\n\nx\n" % name), name)
        ok(arrives(s, "bob", name), name + ": arrives")
        is_(last_login(s), "SCRAM-SHA-256-PLUS", name + ": by the strongest")
    for m in MECHS:
        port = s.every if m == "CRAM-MD5" else s.submissions
        conf = sm.conf(*base, secret, "port %d" % port, "mechanism " + m.lower())
        r = sm.run(conf, "-v", BOB, input="Subject: by %s\n\nx\n" % m)
        good(r, m)
        ok(PASSWORD.encode() not in r.stderr.replace(b"letterlock.test", b""), m + ": -v shows no password")
        is_(last_login(s), m, m + ": by that")

    conf = sm.conf(*base, secret, "port %d" % s.submissions)
    r = sm.run(conf, "-f", "", "nobody-here@" + DOMAIN, BOB, input="Subject: refused\n\nx\n")
    ok(r.returncode != 0, "an empty sender or an unknown recipient is refused") or diag(r.stderr)
    wrong = 'password-file "%s"' % sm.write("wrong", "certainly not\n")
    failures(sm, "a wrong password", sm.conf(*base, wrong, "port %d" % s.submissions), EX_NOPERM, [BOB])
    failures(sm, "no such user", conf, EX_NOUSER, ["nobody-here@" + DOMAIN])
    failures(sm, "another's address", conf, EX_NOPERM, ["-f", BOB, BOB])
    failures(sm, "a certificate that is not to be trusted",
             sm.conf(*base[:1], *base[2:], secret, "port %d" % s.submissions), EX_TEMPFAIL, [BOB])
    failures(sm, "nobody listens", sm.conf(*base, secret, "port 1"), EX_TEMPFAIL, [BOB])
    os.chmod(sm.d + "/password", 0o604)
    failures(sm, "a password that everybody can read", conf, EX_CONFIG, [BOB])
    os.chmod(sm.d + "/password", 0o600)
    failures(sm, "two secrets", sm.conf(*base, secret, 'key "/x"'), EX_CONFIG, [BOB])
    r = sm.run(conf, "-q", input="")
    is_(r.returncode, EX_USAGE, "an unknown flag")
    r = sm.run(conf, "-t", input="Subject: to nobody\n\nx\n")
    is_(r.returncode, EX_USAGE, "-t without recipients")


def failures(sm, what, conf, rc, args):
    before = set(glob.glob(sm.kept + "/message.*"))
    r = sm.run(conf, *args, input="Subject: %s\n\nkeep me\n" % what)
    is_(r.returncode, rc, what + ": status") or diag(r.stderr.decode())
    new = set(glob.glob(sm.kept + "/message.*")) - before
    kept = [f for f in new if not f.endswith(".envelope")]
    ok(len(kept) == 1 and kept[0].encode() in r.stderr, what + ": kept in a file that is named") or diag(r.stderr, new)
    if kept:
        ok("keep me" in open(kept[0]).read() and "to <" + args[-1] + ">" in open(kept[0] + ".envelope").read()
           or rc == EX_CONFIG, what + ": with its envelope")
    ok(b"certainly not" not in r.stderr and PASSWORD.encode() + b"\n" not in r.stderr, what + ": no secret is shown")


def keys(s, sm):
    base = ['server "localhost"', 'authorities "%s"' % s.ca, 'from "%s"' % ALICE, "port %d" % s.submissions]
    stem = sm.d + "/client"
    r = s.ctl_run("tlspubkey", "gen", stem)
    is_(r.returncode, 0, "tlspubkey gen") or diag(r.stderr)
    fp = re.search(r"fingerprint: (\S{43})\n", r.stdout).group(1)
    failures(sm, "a key that nobody knows", sm.conf(*base, 'certificate "%s.pem"' % stem), EX_NOPERM, [BOB])
    r = s.ctl_run("tlspubkey", "add", ALICE, input=open(stem + ".cert.pem").read())
    ok(r.returncode == 0 and fp in s.ctl("tlspubkey", "list"), "the fingerprint is the server's") or diag(r.stderr)
    der = subprocess.run(["openssl", "pkey", "-in", stem + ".key.pem", "-outform", "DER"], capture_output=True).stdout
    seed = subprocess.run(["basenc", "--base64url"], input=der[-32:], capture_output=True).stdout.decode()
    seed = sm.write("seed", seed.strip().rstrip("=") + "\n")
    for name, line in (("certificate and key", 'certificate "%s.pem"' % stem), ("a key", 'key "%s.key.pem"' % stem),
                       ("32 octets", 'key "%s"' % seed)):
        good(sm.run(sm.conf(*base, line), BOB, input="Subject: %s\n\nx\n" % name), name)
        ok(arrives(s, "bob", name), name + ": arrives")
        is_(last_login(s), "EXTERNAL", name + ": EXTERNAL")


def setgid(s, sm):
    """A copy with a group that may read what the user may not."""
    if os.getuid() != 0 or os.statvfs(sm.d).f_flag & os.ST_NOSUID:
        skip("set-group-id: not root, or not on this file system")
        return
    group = 61199
    os.chmod(sm.d, 0o755)
    copy = sm.d + "/sendmail"
    shutil.copy(BUILD + "/letterctl", copy)
    os.chown(copy, 0, group)
    os.chmod(copy, 0o2755)
    other = sm.d + "/letterctl"
    os.link(copy, other)
    shared = sm.write("shared", "not for everybody\n", 0o640)
    os.chown(shared, 0, group)
    theirs = sm.write("theirs", 'server "localhost"\nuser u\npassword-file "%s"\n' % shared, 0o644)
    os.chown(theirs, NOBODY, NOBODY)

    def as_nobody(*args):
        def become():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        return subprocess.run(list(args), input=b"Subject: x\n\nx\n", capture_output=True, timeout=180,
                              preexec_fn=become, env={"HOME": sm.d, "PATH": os.environ["PATH"]})
    r = as_nobody(other, "-s", s.dir + "/control.sock", "status")
    ok(r.returncode == 1 and b"sendmail alone" in r.stderr, "set-group-id: nothing but sendmail") or diag(r.stderr)
    for what, conf in (("a file that the group can read", shared), ("a configuration that names one", theirs)):
        r = as_nobody(copy, "-C", conf, BOB)
        ok(r.returncode == EX_CONFIG and b"Permission denied" in r.stderr and b"not for" not in r.stderr,
           "set-group-id: %s stays closed" % what) or diag(r.returncode, r.stderr)
        m = re.search(rb"kept in (\S+)", r.stderr)
        if ok(m, "set-group-id: kept"):
            is_(os.stat(m.group(1)).st_gid, NOBODY, "without that group")
            shutil.rmtree(os.path.dirname(m.group(1)))


def main():
    with tempfile.TemporaryDirectory() as d, tempfile.TemporaryDirectory() as own:
        every = free_ports(1)[0]
        with Suite('listen on socket "%s/submit" submission\n'
                   "listen on 127.0.0.1 port %d submission tls implicit mechanisms { CRAM-MD5, PLAIN }\n" % (d, every),
                   dir=d) as s:
            s.every = every
            sm = Sendmail(own)
            local(s, sm)
            server(s, sm)
            keys(s, sm)
            setgid(s, sm)
    done()


main()
