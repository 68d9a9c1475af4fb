#!/usr/bin/env python3
"""
Kill the processes of a running suite: at each flush of store and queued, at
each write of a relay worker, and any of them at random under load.  Whatever
was acknowledged is there exactly once afterwards; what went to another server
is there twice only if its last reply was lost; no UID ever means another
message; the service is back soon.
	suite_crash_test.py [SECONDS of random kills]
"""
import imaplib
import os
import random
import re
import smtplib
import socketserver
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "wire"))
from suite import DOMAIN, PASSWORD, Suite, diag, done, is_, ok, run, wait_for  # noqa: E402

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60
BACK = 50.0             # seconds until the service answers again, on a machine that is busy
AGAIN = 4.0             # seconds at most that one that dies often waits; authd(8)
LOST = 4.0              # seconds in which a result is on its way to the disk
KILLED = []             # when relay or queued died
ALICE, BOB = "alice@" + DOMAIN, "bob@" + DOMAIN
FAR = "somebody@far.example"

# ---- the next hop --------------------------------------------------------


class Sink(socketserver.ThreadingTCPServer):
    """An SMTP server that takes everything and remembers it."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SinkHandler)
        self.lock = threading.Lock()
        self.ids = {}           # Message-ID -> times taken
        self.at = {}            # Message-ID -> when first
        self.traces = {}        # Message-ID -> what our Received says
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass                    # a client that was killed


class SinkHandler(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        self.say("220 sink")
        while True:
            line = self.rfile.readline()
            if not line:
                return
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink\r\n250-PIPELINING\r\n250 8BITMIME")
            elif verb == b"DATA":
                self.say("354 go")
                if not self.data():
                    return
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def data(self):
        mid = trace = None
        while True:
            line = self.rfile.readline()
            if not line:
                return False
            if line == b".\r\n":
                break
            if trace is None:
                trace = re.search(rb" id (\S+);", line)
            m = re.match(rb"(?i)Message-ID: *<(.*?)>", line)
            if m and mid is None:
                mid = m.group(1).decode()
        with self.server.lock:
            self.server.ids[mid] = self.server.ids.get(mid, 0) + 1
            self.server.at.setdefault(mid, time.monotonic())
            self.server.traces[mid] = trace and trace.group(1).decode()
        self.say("250 taken")
        return True


# ---- load ----------------------------------------------------------------


class Load:
    """Clients that send, one thread each, and note what was acknowledged."""

    def __init__(self, suite):
        self.suite = suite
        self.lock = threading.Lock()
        self.acked = {}         # Message-ID -> recipients
        self.sent = 0
        self.stop = threading.Event()
        self.threads = []

    def start(self, n=4):
        self.stop.clear()
        self.threads = [threading.Thread(target=self.client, args=(i,), daemon=True) for i in range(n)]
        for t in self.threads:
            t.start()

    def finish(self):
        self.stop.set()
        for t in self.threads:
            t.join(90)

    def client(self, i):
        c = None
        while not self.stop.is_set():
            with self.lock:
                self.sent += 1
                n = self.sent
            mid = "m%d@load.example" % n
            kind = n % 4
            to = [[ALICE], [ALICE, BOB], [BOB], [BOB, FAR]][kind]
            submit = kind >= 2
            text = ("From: %s\r\nTo: %s\r\nSubject: %d\r\nMessage-ID: <%s>\r\n\r\n%s"
                    % (ALICE if submit else "x@remote.example", ", ".join(to), n, mid,
                       "A line of text.\r\n" * (5000 if n % 50 == 0 else random.randint(1, 200))))
            try:
                if c is None or c[0] != submit:
                    if c is not None:
                        c[1].close()
                    port = self.suite.submission if submit else self.suite.smtp
                    c = (submit, smtplib.SMTP("127.0.0.1", port, timeout=60))
                    if submit:
                        c[1].login(ALICE, PASSWORD)
                refused = c[1].sendmail(ALICE if submit else "x@remote.example", to, text)
                if refused == {}:
                    with self.lock:
                        self.acked[mid] = to
                else:
                    with self.lock:
                        self.acked[mid] = [r for r in to if r not in refused]
            except (smtplib.SMTPException, OSError):
                if c is not None:
                    c[1].close()
                c = None
                self.stop.wait(0.05)
        if c is not None:
            c[1].close()


# ---- what must hold -----------------------------------------------------


class Mailbox:
    """An INBOX over its whole life: UIDs and what they mean."""

    def __init__(self, suite, user):
        self.suite, self.user = suite, user
        self.uids = {}
        self.validity = None

    def look(self):
        m = imaplib.IMAP4("127.0.0.1", self.suite.imap)
        m.login(self.user, PASSWORD)
        m.select("INBOX", readonly=True)
        validity = m.response("UIDVALIDITY")[1][0]
        typ, data = m.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        m.logout()
        now = {}
        for d in data:
            if isinstance(d, tuple):
                uid = int(re.search(rb"UID (\d+)", d[0]).group(1))
                mid = re.search(rb"<(.*?)>", d[1])
                now[uid] = mid.group(1).decode() if mid else None
        ok_ = self.validity in (None, validity)
        self.validity = validity
        changed = [u for u, mid in self.uids.items() if now.get(u) != mid]
        top = max(self.uids, default=0)
        reused = [u for u in now if u <= top and u not in self.uids]
        self.uids = now
        return ok_ and not changed and not reused

    def count(self):
        out = {}
        for mid in self.uids.values():
            out[mid] = out.get(mid, 0) + 1
        return out


def answers(suite):
    try:
        c = smtplib.SMTP("127.0.0.1", suite.smtp, timeout=30)
        c.ehlo()
        c.mail("x@remote.example")
        good = c.rcpt(ALICE)[0] == 250
        c.close()
        for user in (ALICE, BOB):
            m = imaplib.IMAP4("127.0.0.1", suite.imap, timeout=30)
            m.login(user, PASSWORD)
            good = good and m.select("INBOX", readonly=True)[0] == "OK"
            m.shutdown()
        return good
    except (OSError, smtplib.SMTPException, imaplib.IMAP4.error):
        return False


def back(suite):
    t = time.monotonic()
    wait_for(lambda: answers(suite))
    return time.monotonic() - t


def settle(suite):
    """The queue runs empty."""
    def empty():
        r = suite.ctl_run("queue", "list", "--json")        # which says nothing, either, when queued is away
        rows = "{" in r.stdout
        if rows:
            suite.ctl_run("queue", "kick", "--held", "no")
        return not rows and r.returncode == 0
    return wait_for(empty, 300, 0.5) is not None


def told(log, trace):
    """Does the log say that this one may be there twice?"""
    m = trace and re.search(r" %s: .*: queued as ([0-9a-f]+)" % re.escape(trace), log)
    return m and re.search(r" %s\.\d+: (possible duplicate |.*\(possible duplicate\))" % m[1], log)


def check(suite, load, sink, boxes, name):
    with load.lock:
        acked = dict(load.acked)        # one that waits for a late answer may go on
    if not ok(settle(suite), name + ": the queue runs empty"):
        diag(suite.ctl("queue", "list")[:2000])
    for user, box in boxes.items():
        ok(box.look(), name + ": UIDs of %s mean what they meant" % user)
    counts = {u: b.count() for u, b in boxes.items()}
    with sink.lock:
        counts[FAR] = dict(sink.ids)
        at, traces = dict(sink.at), dict(sink.traces)
    lost = [(m, r) for m, to in acked.items() for r in to if counts[r].get(m, 0) == 0]
    twice = [(m, r) for r in (ALICE, BOB) for m, n in counts[r].items() if n > 1]
    # the reply, or the word of it, was lost: the message went out just before a kill,
    # or longer before it where all is slow, which the log knows
    log = suite.logged()
    far_twice = [m for m, n in counts[FAR].items()
                 if n > 1 and not any(-0.5 < k - at[m] < LOST for k in KILLED) and not told(log, traces[m])]
    if not ok(not lost, "%s: all of %d acknowledged are there" % (name, len(acked))):
        diag(lost[:20], [l for l in log.splitlines() if FAR in l and (" failed" in l or " expired" in l)][-20:])
    if not ok(not twice, name + ": none is there twice"):
        diag(twice[:20])
    if not ok(not far_twice, name + ": none went out twice but where the reply was lost"):
        diag(far_twice[:20])


# ---- kills ----------------------------------------------------------------

FLUSHES = "fdatasync,fsync,pwrite64,link,linkat,unlinkat,ftruncate"
SWEEPS = (("store", "fdatasync", 5), ("store", FLUSHES, 8), ("queued", "fdatasync", 5), ("queued", FLUSHES, 8),
          ("relay", "write,sendto,sendmsg", 10), ("relay", "read,recvfrom,recvmsg", 6))


def sweep(suite, load, role, calls, count):
    """Kill the role at its Nth call, for each N; the longest time to be back."""
    worst = 0
    for n in range(1, count + 1):
        pid = wait_for(lambda: suite.pid(role))
        if pid is None:
            return None
        st = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(pid), "-e", "trace=" + calls, "-e",
                               "inject=%s:signal=KILL:when=%d" % (calls, n)], stdin=subprocess.DEVNULL)
        died = wait_for(lambda: not os.path.exists("/proc/%d" % pid) or suite.pid(role) != pid)
        if role != "store":
            KILLED.append(time.monotonic())
        st.kill()
        st.wait()
        if not died:
            return None
        worst = max(worst, back(suite))
    return worst


def at_each_step(suite, load, sink, boxes):
    load.start()
    for role, calls, count in SWEEPS:
        name = "%s killed at %s" % (role, calls.split(",")[0] if "," not in calls else "each of its writes")
        worst = sweep(suite, load, role, calls, count)
        if ok(worst is not None, "%s, %d times" % (name, count)):
            ok(worst < BACK + AGAIN, "%s: back in %.1f s" % (name, worst))
    load.finish()
    check(suite, load, sink, boxes, "at each step")


def at_random(suite, load, sink, boxes):
    roles = ["store", "store", "queued", "queued", "smtpd", "front", "auth", "keys", "lookup", "control", "relay"]
    load.start()
    end = time.monotonic() + SECONDS
    kills, worst = 0, 0
    while time.monotonic() < end or kills <= SECONDS / 4:
        time.sleep(random.uniform(0.05, 1.0))
        role = random.choice(roles)
        pids = [r["pid"] for r in suite.rows("status") if r["role"] == role and r["pid"]]
        if not pids:
            continue
        try:
            os.kill(random.choice(pids), 9)
        except ProcessLookupError:
            continue
        if role in ("relay", "queued"):
            KILLED.append(time.monotonic())
        kills += 1
        if kills % 5 == 0:
            worst = max(worst, back(suite))
    load.finish()
    diag("%d kills in %d seconds" % (kills, SECONDS))
    worst = max(worst, back(suite))
    ok(worst < 2 * (BACK + AGAIN), "back in %.1f s, several having been killed" % worst)
    check(suite, load, sink, boxes, "at random")


def main():
    random.seed(os.environ.get("SEED"))
    sink = Sink()
    conf = ('allow-private-addresses\nretry first { 0, 1s, 2s, 3s, 4s, 5s, 6s, 7s } every 60s expire 1h\n'
            'transport "far" smtp host "127.0.0.1" port %d tls off\nroute transport "far"\n'
            'limits {\n\tconnections-address 1000\n}\n' % sink.server_address[1])
    with Suite(conf) as suite:
        load = Load(suite)
        boxes = {u: Mailbox(suite, u) for u in (ALICE, BOB)}
        if os.geteuid() == 0 and run("strace"):
            at_each_step(suite, load, sink, boxes)
        at_random(suite, load, sink, boxes)
        is_(suite.proc.poll(), None, "the parent lives")
        is_(suite.rows("verify"), [], "verify finds nothing wrong")
        rejected = [l for l in suite.logged().splitlines() if "AddressSanitizer" in l or "runtime error" in l]
        is_(rejected, [], "no sanitizer complains")
    done()


main()
