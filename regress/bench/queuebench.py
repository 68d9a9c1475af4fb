"""What the queue costs and how fast it empties: 10,000 messages to one smtp-sink,
sent by Letterlock and by Postfix, both with all of it queued before the start;
memory with so many waiting; what a million recipients take."""
import atexit
import os
import re
import smtplib
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "wire")]
import postfix  # noqa: E402
from dns import Dns, a, mx  # noqa: E402
from suite import BUILD, DOMAIN, PASSWORD, Suite, free_ports, wait_for  # noqa: E402

DOMAINS = 10
NAMES = ["d%d.example" % i for i in range(DOMAINS)]

# Debian's, but that it may use as many processes as it likes.
POSTFIX = """myhostname = peer.test
mynetworks = 127.0.0.0/8
local_recipient_maps =
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
default_process_limit = 200
transport_maps = inline:{{{maps}}}
"""


def resident(pid):
    """KiB."""
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


class Counter:
    """smtp-sink, and when which message was there."""

    def __init__(self, address="0.0.0.0"):
        self.port = free_ports(1)[0]
        self.first = self.last = self.n = 0
        self.proc = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", "%s:%d" % (address, self.port), "256"],
                                     stdout=subprocess.PIPE)
        atexit.register(self.proc.kill)
        threading.Thread(target=self.count, daemon=True).start()

    def count(self):
        left = b""
        while True:
            d = os.read(self.proc.stdout.fileno(), 65536)
            if not d:
                return
            now = time.perf_counter()
            found = re.findall(rb"mesg=(\d+)\r", left + d)
            left = (left + d)[-60:].rsplit(b"\r", 1)[-1]
            if found and int(found[-1]) > self.n:
                self.first = self.first or now
                self.n, self.last = int(found[-1]), now

    def rate(self, n, patience=120):
        """Messages a second from the first to the last of n."""
        if not wait_for(lambda: self.n >= n, patience):
            sys.exit("bench: %d of %d messages arrived" % (self.n, n))
        return (n - 1) / (self.last - self.first)

    def stop(self):
        self.proc.kill()
        self.proc.wait()


class Postfix:
    """As a relay, with a queue that is filled before it is worked on."""

    def __init__(self, d, port):
        self.d = d
        self.smtp = free_ports(1)[0]
        maps = ", ".join("{%s = smtp:[127.0.0.%d]:%d}" % (n, i + 1, port) for i, n in enumerate(NAMES))
        postfix.configure(d, self.smtp, POSTFIX.format(maps=maps))
        with open(d + "/master.cf") as f:
            self.master = f.read()
        self.services(False)
        postfix.command(d, "start")
        wait_for(lambda: os.path.exists(d + "/queue/pid/master.pid"))

    def services(self, qmgr):
        with open(self.d + "/master.cf", "w") as f:
            f.write(self.master if qmgr else re.sub(r"(?m)^qmgr ", "#qmgr ", self.master))

    def fill(self, n):
        rcpts = ",".join("u%d@%s" % (i, name) for i in range(10) for name in NAMES)
        r = subprocess.run([BUILD + "/regress/bench/smtpload", "-c", "32", "-m", str(n), "-t", rcpts, str(self.smtp)],
                           capture_output=True, text=True)
        if r.returncode != 0:
            sys.exit("smtpload: " + r.stdout + r.stderr)

    def go(self):
        self.services(True)
        postfix.command(self.d, "reload")

    def stop(self):
        postfix.command(self.d, "stop")


class Queue(Suite):
    """Letterlock with a queue that is filled before it starts."""

    def __init__(self, port, extra="", accounts=("load",)):
        self.dns = Dns(dict([((n, "MX"), [mx(10, "mx." + n)]) for n in NAMES] +
                            [(("mx." + n, "A"), [a("127.0.0.%d" % (i + 1))]) for i, n in enumerate(NAMES)]))
        super().__init__('resolver 127.0.0.1@%d\nallow-private-addresses\n'
                         'transport "out" direct port %d%s\nroute transport "out"\n'
                         % (self.dns.port, port, extra), accounts=accounts)
        self.stop_only()

    def stop_only(self):
        """stop() would remove it all."""
        self.own, own = False, self.own
        super().stop()
        self.own = own

    def fill(self, n, *options):
        subprocess.run([BUILD + "/regress/bench/queueload", "-n", str(n), "-a", "1", *options,
                        self.dir + "/state/queue"], check=True)

    def resident(self):
        return resident(self.pid("queued"))

    def read(self):
        """Everything that was there at the start is scheduled."""
        return "recipients wait in the queue" in self.logged()


def relay(d, row, n):
    """Emptying the queue, from the first message at the sink to the last."""
    rates = []
    for ours in (True, False):
        sink = Counter()
        s = Queue(sink.port) if ours else Postfix(d, sink.port)
        s.fill(n)
        (s.start if ours else s.go)()
        rates.append(sink.rate(n))
        s.stop()
        sink.stop()
    row("queued 4 KB messages sent, %d domains" % DOMAINS, *rates)


def waiting(say, n, *options):
    """What it takes to have so many wait."""
    s = Queue(9)
    s.start()
    empty = s.resident()
    s.stop_only()
    s.fill(n, "-w", "86400", *options)
    t = time.perf_counter()
    s.start()
    say("%d waiting: the service is up, s" % n, time.perf_counter() - t)
    wait_for(s.read, 120)
    say("%d waiting: all are scheduled, s" % n, time.perf_counter() - t)
    full = s.resident()
    say("%d waiting: RSS of queued, MiB" % n, full / 1024)
    say("%d waiting: octets each, page cache too" % n, (full - empty) * 1024 / n)
    t = time.perf_counter()
    subprocess.run("%s/letterctl -s %s/control.sock queue list | head -n 20" % (BUILD, s.dir), shell=True,
                   stdout=subprocess.DEVNULL)
    say("%d waiting: queue list | head, s" % n, time.perf_counter() - t)
    s.stop()


def fresh(s, sink):
    """Seconds from a submission to the sink, the worst of some."""
    worst = 0
    for _ in range(20):
        n, t = sink.n, time.perf_counter()
        c = smtplib.SMTP("127.0.0.1", s.submission)
        c.login("load@" + DOMAIN, PASSWORD)
        c.sendmail("load@" + DOMAIN, ["someone@d1.example"], "From: load@%s\r\nSubject: x\r\n\r\nx\r\n" % DOMAIN)
        c.quit()
        if not wait_for(lambda: sink.n > n, 120):
            sys.exit("bench: a message was held up by others")
        worst = max(worst, time.perf_counter() - t)
        time.sleep(0.25)
    return worst


def dead(say, n):
    """So many wait for a place that refuses connections, or says nothing."""
    for silent in (False, True):
        sink = Counter("127.0.0.2")
        s = Queue(sink.port, "\nretry first { 0, 2s, 4s, 8s, 16s } every 60s expire 4d")
        s.dns.zone[("mx.d0.example", "A")] = [a("127.0.1.1")]
        nobody = socket.socket()
        nobody.bind(("127.0.1.1", sink.port if silent else 0))
        nobody.listen(0)
        s.fill(n, "-d", "1", "-l", "300")
        s.start()
        say("a message beside %d for a %s place, s" % (n, "silent" if silent else "dead"), fresh(s, sink))
        s.stop()
        nobody.close()
        sink.stop()
