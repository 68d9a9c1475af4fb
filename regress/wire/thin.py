"""What is in a mailbox, as IMAP says."""
import imaplib

from suite import DOMAIN, PASSWORD

imaplib._MAXLINE = 100000000


def fetch_all(s, user, mailbox="INBOX"):
    m = imaplib.IMAP4("127.0.0.1", s.imap)
    m.login(user + "@" + DOMAIN, PASSWORD)
    m.select(mailbox, readonly=True)
    typ, data = m.search(None, "ALL")
    out = []
    for n in data[0].split():
        typ, d = m.fetch(n, "(BODY.PEEK[])")
        out.append(d[0][1].decode(errors="surrogateescape"))
    m.logout()
    return out
