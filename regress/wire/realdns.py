"""
Real name servers on loopback: nsd with zones of the test, asked through unbound.

    d = RealDns({"far.example": "$ORIGIN far.example.\n..."}, anchor=None)
    d.port          unbound's; with an anchor (a file) it validates
    d.away(), d.start()

And zones signed with ldnsutils: sign().
"""
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time

from dns import name
from suite import free_ports, run, wait_for

NEEDS = ("nsd", "unbound")
NSD = """server:
\tip-address: 127.0.0.1@{port}
\tusername: ""
\tchroot: ""
\tzonesdir: "{dir}"
\tdatabase: ""
\tpidfile: "{dir}/nsd.pid"
\txfrdfile: "{dir}/xfrd"
\txfrdir: "{dir}"
\tzonelistfile: "{dir}/zones"
\tserver-count: 1
remote-control:
\tcontrol-enable: no
"""
UNBOUND = """server:
\tinterface: 127.0.0.1@{port}
\tdo-daemonize: no
\tusername: ""
\tchroot: ""
\tdirectory: "{dir}"
\tpidfile: ""
\tuse-syslog: no
\tdo-not-query-localhost: no
\tmodule-config: "{modules}iterator"
\tcache-max-ttl: 0
{anchor}remote-control:
\tcontrol-enable: no
"""


class RealDns:
    """nsd and unbound, with all they keep in a directory of their own."""

    def __init__(self, zones, anchor=None):
        self.dir = d = tempfile.mkdtemp(prefix="letterlock-dns-")
        os.chmod(d, 0o755)
        self.zone_port, self.port = free_ports(2)
        nsd = NSD.format(dir=d, port=self.zone_port)
        unbound = UNBOUND.format(dir=d, port=self.port, modules="validator " if anchor else "",
                                 anchor='\ttrust-anchor-file: "%s"\n' % anchor if anchor else "")
        for zone, text in zones.items():
            self.write(zone, text)
            nsd += "zone:\n\tname: %s\n\tzonefile: %s\n" % (zone, zone)
            unbound += 'stub-zone:\n\tname: "%s"\n\tstub-addr: 127.0.0.1@%d\n' % (zone, self.zone_port)
        self.write("nsd.conf", nsd)
        self.write("unbound.conf", unbound)
        self.zones = list(zones)
        self.nsd = self.spawn("nsd", "-d", "-c", d + "/nsd.conf")
        wait_for(lambda: all(self.answers(z, self.zone_port) for z in self.zones))
        self.unbound = None
        self.start()

    def write(self, name, text):
        with open(self.dir + "/" + name, "w") as f:
            f.write(text)

    def spawn(self, name, *args):
        log = open("%s/%s.log" % (self.dir, name), "ab")
        return subprocess.Popen([run(name)] + list(args), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        """It is up when it knows the zones."""
        self.unbound = self.spawn("unbound", "-d", "-c", self.dir + "/unbound.conf")
        wait_for(lambda: all(self.answers(z, self.port) for z in self.zones))

    def answers(self, zone, port):
        """Is there an SOA record?  CD: whether its signature is good or not."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(1)
            try:
                s.connect(("127.0.0.1", port))
                s.send(struct.pack(">6H", 7, 0x0110, 1, 0, 0, 0) + name(zone) + struct.pack(">2H", 6, 1))
                flags, _, n = struct.unpack(">3H", s.recv(4096)[2:8])
            except (OSError, struct.error):
                return False
            return flags & 15 == 0 and n > 0

    def away(self):
        self.unbound.terminate()
        self.unbound.wait(60)

    def stop(self):
        for p in self.unbound, self.nsd:
            p.terminate()
            p.wait(60)
        shutil.rmtree(self.dir, ignore_errors=True)

    def logged(self):
        out = ""
        for name in "nsd", "unbound":
            with open("%s/%s.log" % (self.dir, name)) as f:
                out += f.read()
        return out


def sign(zone, text, dir, expired=False, nsec3=False):
    """The zone signed by a new key in dir, and the DS record of that key."""
    key = subprocess.run(["ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone], cwd=dir, check=True,
                         stdout=subprocess.PIPE, text=True).stdout.strip()
    with open("%s/%s" % (dir, zone), "w") as f:
        f.write(text)
    day = 86400
    subprocess.run(["ldns-signzone", "-i", str(int(time.time()) - 9 * day), "-e",
                    str(int(time.time()) + (-day if expired else 9 * day))] + (["-n"] if nsec3 else []) +
                   ["-f", zone + ".signed", zone, key], cwd=dir, check=True)
    with open("%s/%s.signed" % (dir, zone)) as f, open("%s/%s.ds" % (dir, key)) as ds:
        return f.read(), ds.read()


def signature(text, owner, kind, change):
    """The signed zone with the signature over one set of records changed; None: gone."""
    out, n = [], 0
    for line in text.splitlines():
        f = line.split()
        if len(f) > 12 and f[0].rstrip(".") == owner and f[3] == "RRSIG" and f[4] == kind:
            n += 1
            if change is None:
                continue
            line = re.sub(r"\S+$", change, line)
        out.append(line)
    assert n == 1, (owner, kind, n)
    return "\n".join(out) + "\n"
