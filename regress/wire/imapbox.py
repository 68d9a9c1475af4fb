"""Mailboxes of the suite as a client has them, and letterctl with octets."""
import imaplib
import re
import subprocess

from suite import BUILD, DOMAIN, PASSWORD


def login(s, user):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    return m


def everything(s, user):
    """mailbox -> [(flags, date, octets)]"""
    out = {}
    m = login(s, user)
    for line in m.list()[1]:
        if b"Noselect" in line:
            continue
        name = line.decode().split(' "/" ')[1]
        n = m.select(name, readonly=True)[1][0]
        data = m.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1] if n != b"0" else []
        out[name] = [(sorted(f.decode() for f in imaplib.ParseFlags(h) if f != rb"\Recent"),
                      re.search(rb'INTERNALDATE "[^"]*"', h).group(), body)
                     for h, body in (d for d in data if isinstance(d, tuple))]
    m.logout()
    return out


def stream(s, *args, data=b""):
    return subprocess.run([BUILD + "/letterctl", "-s", s.dir + "/control.sock"] + list(args),
                          input=data, capture_output=True)
