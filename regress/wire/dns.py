"""
A name server for tests, on loopback, by UDP: it says what it is told.

    d = Dns({("example.org", "MX"): [mx(10, "mx.example.org")],
             ("mx.example.org", "A"): [a("127.0.0.1")]})
    d.port, d.asked        its port; [(name, type), ...]

A name with records of other types has none of this one; a name that is not there
does not exist.  The value None is a server failure.
"""
import ipaddress
import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28,
         "SRV": 33, "DNSKEY": 48, "TLSA": 52}
NAMES = {v: k for k, v in TYPES.items()}


def name(text):
    return b"".join(bytes([len(x)]) + x.encode() for x in text.rstrip(".").split(".") if x) + b"\0"


def a(address):
    return ipaddress.ip_address(address).packed


def mx(preference, host):
    return struct.pack(">H", preference) + name(host)


def txt(*strings):
    return b"".join(bytes([len(x)]) + x.encode() for x in strings)


class Dns:
    def __init__(self, zone):
        self.zone = zone
        self.asked = []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            data, peer = self.sock.recvfrom(4096)
            self.sock.sendto(self.answer(data), peer)

    def answer(self, data):
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1").lower())
            at += 1 + data[at]
        question = data[12:at + 5]
        what = NAMES.get(struct.unpack(">H", data[at + 1:at + 3])[0], "?")
        owner = ".".join(labels)
        self.asked.append((owner, what))
        records, kind, rcode = self.zone.get((owner, what), ()), what, 0
        if not records and (owner, "CNAME") in self.zone:
            records, kind = self.zone[owner, "CNAME"], "CNAME"
        if records is None:
            records, rcode = (), 2
        elif not any(n == owner or n.endswith("." + owner) for n, _ in list(self.zone)):	# it may be changed meanwhile
            rcode = 3
        out = data[:2] + struct.pack(">HHHHH", 0x8180 | rcode, 1, len(records), 0, 0) + question
        for r in records:
            out += b"\xc0\x0c" + struct.pack(">HHIH", TYPES[kind], 1, 60, len(r)) + r
        return out
