"""Sessions octet by octet, as rows of tables."""
import re
import select
import socket
import ssl

from suite import diag, ok

LONG = 120


class Raw:
    """A connection without manners."""

    def __init__(self, port, greet=True, tls=None, source=None):
        self.s = socket.create_connection(("127.0.0.1", port), LONG,
                                          source_address=source and (source, 0))
        self.s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        if tls:
            self.tls(tls)
        if greet:
            self.line()

    def tls(self, ca):
        ctx = ssl.create_default_context(cafile=ca)
        self.s = ctx.wrap_socket(self.s, server_hostname="localhost")

    def send(self, data):
        try:
            self.s.sendall(data if isinstance(data, bytes) else data.encode())
        except OSError:
            pass

    def more(self):
        """Read on; False at the end."""
        try:
            got = self.s.recv(1 << 18)
        except socket.timeout:
            diag("nothing came for %d s; so far %r" % (LONG, self.buf[-200:]))
            raise
        except OSError:
            return False
        self.buf += got
        return bool(got)

    def line(self):
        """A line with its end, b"" when there is none any more."""
        while b"\n" not in self.buf:
            if not self.more():
                return b""
        at = self.buf.index(b"\n") + 1
        l, self.buf = self.buf[:at], self.buf[at:]
        return l

    def exactly(self, n):
        while len(self.buf) < n:
            if not self.more():
                break
        got, self.buf = self.buf[:n], self.buf[n:]
        return got

    def rest(self):
        while self.more():
            pass
        got, self.buf = self.buf, b""
        return got

    def quiet(self, secs=0.2):
        """Does nothing come?"""
        if self.buf:
            return False
        return not select.select([self.s], [], [], secs)[0]

    def close(self):
        self.s.close()

    # SMTP

    def reply(self):
        """One reply, as one line "250 2.1.0 text"; "" at the end."""
        out = []
        while True:
            l = self.line().decode(errors="replace")
            if not l:
                return ""
            if not re.match(r"\d\d\d[ -]", l) or not l.endswith("\r\n"):
                return "malformed reply %r" % l
            out.append(l[4:-2])
            if l[3] == " ":
                return l[:4] + "\n".join(out)

    def say(self, data):
        self.send(data)
        return self.reply()

    # IMAP

    def response(self):
        """A response with its literals; b"" at the end."""
        out = b""
        while True:
            l = self.line()
            out += l
            m = re.search(rb"\{(\d+)\}\r\n$", l)
            if not m:
                return out
            out += self.exactly(int(m.group(1)))

    def until(self, tag):
        """All responses up to the tagged one, a continuation, or the end."""
        out = []
        while True:
            r = self.response()
            out.append(r)
            if not r or r.startswith(tag + b" ") or r.startswith(b"+"):
                return out


def step(c, sent, want, name, reply):
    """Send, and compare the replies: patterns, None for the end."""
    c.send(sent)
    wants = want if isinstance(want, (list, tuple)) else [want]
    for w in wants:
        got = reply()
        if w is None:
            good = got in ("", b"")
        else:
            good = re.match(w, got) is not None
        if not good:
            diag("%s: sent %.200r" % (name, sent))
            diag("%s: got %.300r, want %r" % (name, got, w))
            return False
    return True


def smtp_row(port, name, steps, **how):
    """One session: its steps are (octets, the replies to them)."""
    c = Raw(port, greet=False, **how)
    good = True
    try:
        if steps and steps[0][0] is not None:
            good = step(c, b"", "220 ", name, c.reply)
        for sent, want in steps:
            if not good:
                break
            good = step(c, sent or b"", want, name, c.reply)
    except socket.timeout:
        good = False
    c.close()
    return ok(good, name)


class Imap(Raw):
    """IMAP sessions; a command is octets without tag and end, or a list of them
    with a literal's announcement at the end of each but the last."""

    def __init__(self, port, user=None, password=None, tls=None, source=None):
        super().__init__(port, greet=False, tls=tls, source=source)
        self.greeting = self.response()
        self.n = 0
        if user:
            _, t = self.cmd(b'LOGIN "%s" "%s"' % (user.encode(), password.encode()))
            assert t.startswith(b"OK"), t

    def cmd(self, parts, tag=None):
        """(untagged responses, the tagged one without its tag)."""
        self.n += 1
        tag = tag or b"t%d" % self.n
        parts = [parts] if isinstance(parts, bytes) else parts
        self.send(tag + b" " + parts[0] + b"\r\n")
        out = []
        for p in parts[1:] + [None]:
            got = self.until(tag)
            out += got
            if p is None or not got[-1].startswith(b"+"):
                break
            self.send(p + b"\r\n")
        if out[-1].startswith(tag + b" "):
            return out[:-1], out[-1][len(tag) + 1:].rstrip(b"\r\n")
        return out, out[-1]

    def append(self, mailbox, message, extra=b""):
        u, t = self.cmd([b"APPEND %s %s{%d}" % (mailbox, extra, len(message)), message])
        return t


def imap_step(c, name, cmd, want, untagged=None):
    """untagged: patterns that responses must match in that order, all of them
    when the list is not a tuple; None when they do not matter."""
    u, t = c.cmd(cmd)
    u = [r for r in u if not r.startswith(b"+")]
    good = re.match(want, t, re.S) is not None
    if untagged is not None:
        it = iter(u)
        good = good and all(any(re.match(p, r, re.S) for r in it) for p in untagged)
        if isinstance(untagged, list):
            good = good and len(u) == len(untagged)
    if not good:
        diag("%s: sent %.300r" % (name, cmd))
        diag("got %s %.300r, want %r %r" % (b"".join(u)[:1500], t, want, untagged))
    return good
