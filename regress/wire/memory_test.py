#!/usr/bin/env python3
"""No password stays in the memory of any process, whatever mechanism brought
it and whether it was right; no private key but in keys, no verifier but in
auth.  All memory of every process that can be written is read, as root."""
import base64
import hashlib
import hmac
import os
import re
import secrets
import string
import subprocess
from concurrent.futures import ThreadPoolExecutor

from hard_auth import Scram, b64
from inject import possible
from raw import Imap, Raw
from suite import DOMAIN, Suite, diag, done, ok, sanitized, skip, wait_for

ALICE = "alice@" + DOMAIN
CHUNK = 1 << 22
MECHS = ["PLAIN", "PLAIN+", "LOGIN", "LOGIN+", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"]


def word():
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(17))


# A password's halves are always the same, the middle says where it was used.
LEFT, RIGHT = word(), word()
PASSWORD = LEFT + "-right-" + RIGHT
_wrong = 0


def wrong(what):
    """Another wrong password each time; three lengths, for base64."""
    global _wrong
    _wrong += 1
    return LEFT + "-wrong-" + what + "-" * (1 + _wrong % 3) + RIGHT


def base64s(octets):
    """What of them is the same in base64, wherever they stand in it."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + octets)
        yield text[(before * 8 + 5) // 6:(before + len(octets)) * 8 // 6]


# ---- reading another process -------------------------------------------------------

def writable(pid):
    """(from, to) of what it could have written to and has."""
    with open("/proc/%d/smaps" % pid) as f:
        for line in f:
            m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (....)", line)
            if m:
                span = int(m.group(1), 16), int(m.group(2), 16)
                mine = m.group(3)[1] == "w"
            elif line.startswith("Rss:") and mine and line.split()[1] != "0":
                yield span


def pages(pid, mem, start, end):
    """What is there of them, a piece at a time; nothing where it has just been given back."""
    size = os.sysconf("SC_PAGESIZE")
    with open("/proc/%d/pagemap" % pid, "rb") as f:
        f.seek(start // size * 8)
        there = [b >> 7 for b in f.read((end - start) // size * 8)[7::8]]
    i = 0
    while i < len(there):
        k = i
        while k < len(there) and there[k] == there[i] and (k - i) * size < CHUNK:
            k += 1
        if there[i]:
            try:
                data = os.pread(mem, (k - i) * size, start + i * size)
            except OSError:
                data = b""
            yield start + i * size, data
        i = k


def scan(pid, needles):
    """[(what, its surroundings)]."""
    found, total, tail = [], 0, b""
    mem = os.open("/proc/%d/mem" % pid, os.O_RDONLY)
    try:
        for start, end in writable(pid):
            last = 0
            for at, data in pages(pid, mem, start, end):
                data = (tail if at == last else b"") + data
                total += len(data)
                last = at + len(data) - (len(tail) if at == last else 0)
                for what, needle in needles:
                    i = data.find(needle)
                    if i >= 0:
                        found.append((what, data[max(0, i - 48):i + len(needle) + 48]))
                tail = data[-128:]
    finally:
        os.close(mem)
    return found, total


# ---- logins ---------------------------------------------------------------------------

def answers(mech, password):
    """(initial response or None, what to answer to a challenge)."""
    plain = "\0%s\0%s" % (ALICE, password)
    if mech == "PLAIN+":
        return plain, lambda c: ""
    if mech == "PLAIN":
        return None, lambda c: plain
    if mech == "LOGIN":
        return None, lambda c: ALICE if c == b"Username:" else password
    if mech == "LOGIN+":
        return ALICE, lambda c: password
    if mech == "CRAM-MD5":
        return None, lambda c: ALICE + " " + hmac.new(password.encode(), c, "md5").hexdigest()
    s = Scram(ALICE, password, "sha256" if "256" in mech else "sha1")

    def scram(c):
        if c.startswith(b"r="):
            r = s.final(c)
            salts[s.digest] = s.f
            return r
        return ""
    return s.first(), scram


salts = {}


def smtp_try(c, mech, password, want):
    initial, answer = answers(mech, password)
    r = c.say("AUTH " + mech.rstrip("+") + (" " + b64(initial) if initial else "") + "\r\n")
    while r.startswith("334"):
        r = c.say(b64(answer(base64.b64decode(r[4:]))) + "\r\n")
    if not r.startswith(want):
        diag("%s: %s" % (mech, r))
    return r.startswith(want)


def imap_try(c, mech, password, want):
    if mech in ("quoted", "literal"):
        u, t = c.cmd(b'LOGIN %s "%s"' % (ALICE.encode(), password.encode()) if mech == "quoted" else
                     [b"LOGIN {%d}" % len(ALICE), ALICE.encode() + b" {%d}" % len(password), password.encode()])
        if not t.startswith(want):
            diag("%s: %s" % (mech, t))
        return t.startswith(want)
    initial, answer = answers(mech, password)
    c.send("x AUTHENTICATE " + mech.rstrip("+") + (" " + b64(initial) if initial else "") + "\r\n")
    while True:
        r = c.until(b"x")[-1]
        if not r.startswith(b"+"):
            break
        c.send(b64(answer(base64.b64decode(r[2:]))) + "\r\n")
    if not r.startswith(b"x " + want):
        diag("%s: %s" % (mech, r))
    return r.startswith(b"x " + want)


def cut(c, mech, password, want):
    """A password in a line that never ends, or that comes when none is due."""
    line = {"smtp": "AUTH PLAIN " + b64("\0%s\0%s" % (ALICE, password)),
            "imap": 'y LOGIN %s "%s"' % (ALICE, password)}["imap" if isinstance(c, Imap) else "smtp"]
    if mech == "cut":
        c.send(line)
        return not c.buf
    if mech == "alone":			# no command at all
        c.send(("y " if isinstance(c, Imap) else "") + password + "\r\n")
    else:				# a second login
        c.send(line + "\r\n")
    r = c.until(b"y")[-1] if isinstance(c, Imap) else c.reply()
    return bool(r)


def submission(s, port, tls):
    c = Raw(port, tls=s.ca if tls == "implicit" else None)
    c.say("EHLO client.example\r\n")
    if tls == "starttls":
        c.say("STARTTLS\r\n")
        c.tls(s.ca)
        c.say("EHLO client.example\r\n")
    return c


def imap(s, port, tls):
    c = Imap(port, tls=s.ca if tls == "implicit" else None)
    if tls == "starttls":
        c.cmd(b"STARTTLS")
        c.tls(s.ca)
    return c


def rounds(s, listeners, mechs, look):
    """Each mechanism on all listeners at once: wrong and then right, wrong alone;
    and before anything else is said, what is in memory then."""
    bad, kept = [], []

    def one(listener, mech):
        name, port, tls, new, attempt, yes, no = listener
        c, d = new(s, port, tls), new(s, port, tls)
        if mech in ("cut", "alone", "again"):
            good = mech != "again" or attempt(c, "PLAIN+", PASSWORD, yes)
            return c, d, good and cut(c, mech, wrong(name), yes) and cut(d, mech, wrong(name), yes)
        good = attempt(c, mech, wrong("%s-%s" % (name, mech)), no)
        good = attempt(c, mech, PASSWORD, yes) and good
        good = attempt(d, mech, wrong("%s-%s" % (name, mech)), no) and good
        return c, d, good
    for mech in mechs:
        with ThreadPoolExecutor(len(listeners)) as pool:
            pairs = list(pool.map(lambda l: one(l, mech), listeners))
        # A line that has no end yet is there for as long as its session is.
        if mech != "cut":
            look(mech)
        for i, (*pair, good) in enumerate(pairs):
            if not good:
                bad.append((listeners[i][0], mech))
            if mech != "cut":
                kept.append(pair[i % 2])
            pair[1 - i % 2].close()
            if mech == "cut":
                pair[i % 2].close()
        look(mech)
    ok(not bad, "each mechanism on each listener, right and wrong")
    diag(*bad)
    return kept


# ---- what must not be found ---------------------------------------------------------------

def passwords():
    out = []
    for half, name in ((LEFT, "left"), (RIGHT, "right")):
        out.append(("the %s half of a password" % name, half.encode()))
        out += [("the %s half in base64" % name, b) for b in base64s(half.encode())]
    return out


def private_key(path):
    """The scalar, in both orders, and what of it stands in each line of PEM."""
    text = subprocess.run(["openssl", "ec", "-in", path, "-noout", "-text"], capture_output=True,
                          text=True, check=True).stdout
    m = re.search(r"priv:\n((?:\s+[0-9a-f:]+\n)+)", text)
    raw = bytes.fromhex(re.sub(r"[\s:]", "", m.group(1))).rjust(32, b"\0")[-32:]
    out = [("the private key", raw), ("the private key, as a number", raw[::-1])]
    with open(path, "rb") as f:
        pem = b"".join(l.strip() for l in f if not l.startswith(b"-"))
    for p in base64s(raw):
        at = pem.find(p)
        if at >= 0:
            for line in range(at // 64, (at + len(p)) // 64 + 1):
                piece = pem[max(at, line * 64):min(at + len(p), line * 64 + 64)]
                if len(piece) >= 12:
                    out.append(("the private key in PEM", piece))
    return out


def verifiers():
    out = []
    for digest, f in salts.items():
        h = lambda k, m: hmac.new(k, m, digest).digest()
        salted = hashlib.pbkdf2_hmac(digest, PASSWORD.encode(), base64.b64decode(f["s"]), int(f["i"]))
        client = h(salted, b"Client Key")
        for name, key in (("SaltedPassword", salted), ("ClientKey", client),
                          ("StoredKey", hashlib.new(digest, client).digest()),
                          ("ServerKey", h(salted, b"Server Key"))):
            out += [(name + " of " + digest, key), (name + " of " + digest + " in base64", base64.b64encode(key)[:-4])]
    return out


def planted(row):
    """The scanner finds what is there: at the far end of its stack."""
    with open("/proc/%d/maps" % row["pid"]) as f:
        at = [int(l.split("-")[0], 16) for l in f if l.endswith("[stack]\n")][0]
    mem = os.open("/proc/%d/mem" % row["pid"], os.O_RDWR)
    was = os.pread(mem, 64, at + 8)
    os.pwrite(mem, PASSWORD.encode(), at + 8)
    found = {w for w, _ in scan(row["pid"], passwords())[0]}
    os.pwrite(mem, was, at + 8)
    os.close(mem)
    return {"the left half of a password", "the right half of a password"} <= found


def logins(s, find):
    smtp, imaps = [], []
    for name, port, tls in (("submission", s.submission, "starttls"), ("submissions", s.submissions, "implicit"),
                            ("clear submission", s.submission, "")):
        smtp.append((name, port, tls, submission, smtp_try, "235", "535"))
    for name, port, tls in (("imap", s.imap, "starttls"), ("imaps", s.imaps, "implicit"), ("clear imap", s.imap, "")):
        imaps.append((name, port, tls, imap, imap_try, b"OK", b"NO"))
    wire = [(r["role"], r["pid"]) for r in s.rows("status") if r["role"] in ("smtpd", "front")]
    left = []

    def look(when):
        for role, pid in wire:
            wait_for(lambda: not scan(pid, find)[0])		# it hears of an end by and by
            left.extend((when, role) + f for f in scan(pid, find)[0])
    kept = rounds(s, smtp + imaps, MECHS + ["cut", "alone", "again"], look) + rounds(s, imaps, ["quoted", "literal"], look)
    ok(not left, "nothing of it is left in smtpd or front after each round")
    diag(*left[:20])
    return kept


def main(s):
    s.ctl("account", "add", "alice", ALICE, input=PASSWORD + "\n")
    find = {"password": passwords(), "key": private_key(s.dir + "/mail.key")}
    kept = logins(s, find["password"])
    rows = [r for r in s.rows("status") if r.get("pid")]
    find["verifier"] = verifiers()
    ok(len(find["key"]) > 2 and len(find["verifier"]) == 16, "there is something to look for")
    total = 0
    for row in rows:
        name = "%s %d" % (row["role"], row["instance"])
        kinds = [k for k in find if (k, row["role"]) not in (("key", "keys"), ("verifier", "auth"))]
        found, n = scan(row["pid"], [x for k in kinds for x in find[k]])
        total += n
        ok(not found, "%s: no %s in %d KiB" % (name, ", ".join(kinds), n >> 10))
        for what, where in found[:20]:
            diag("%s: %s: %r" % (name, what, where))
    diag("%d MiB read" % (total >> 20))
    keys = [r for r in rows if r["role"] == "keys"][0]
    ok(scan(keys["pid"], find["key"])[0], "keys has the private key, and it is found there")
    ok(all(planted(r) for r in rows), "a password put into any of them is found")
    for c in kept:
        c.close()
    ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "the suite is well")


if not possible():
    skip("needs root, ptrace and x86-64")
    done()
if sanitized():
    skip("needs memory that is the programs' own")
    done()
with Suite(accounts=(), conf="processes smtpd 1\nprocesses front 1\npartitions 1\n") as s:
    text = re.sub(r"(listen on .* (?:submission|imap) .*)",
                  r"\1 mechanisms { external, scram-sha-256, scram-sha-1, cram-md5, plain, login }", s.base)
    s.write_conf(text + "processes smtpd 1\nprocesses front 1\npartitions 1\n")
    s.ctl("reload")
    main(s)
done()
