"""
An SMTP server that does what a test wants, each session in a thread.

    sink = Sink(ext=["PIPELINING"], replies={"RCPT": lambda a: "550 5.1.1 no"})
    sink.port, sink.messages, sink.sessions

A reply is a text (lines joined by CRLF), a function of the line's arguments and
the session, or None: the connection is cut.  at(point, session) is called before
the greeting ("CONNECT"), before each reply (its verb, or "END") and at the first
line of a body ("BODY"), and may take its time.  cert is a directory with mail.crt
and mail.key: then STARTTLS is offered.  ask is a file with the certificates of
clients, of which one must be shown; version the only version of TLS.
"""
import socket
import ssl
import threading
import time


class Session:
    def __init__(self, sink, sock):
        self.sink = sink
        self.sock = sock
        self.buf = b""
        self.commands = []
        self.tls = False
        self.peer = None  # certificate of the client, DER
        self.mail = None
        self.rcpts = []
        self.args = ""

    def say(self, text):
        data = ("\r\n".join(text.split("\n")) + "\r\n").encode("latin-1")
        slow = self.sink.slow
        if slow == 0:
            self.sock.sendall(data)
            return
        for i in range(len(data)):
            self.sock.sendall(data[i:i + 1])
            time.sleep(slow)

    def line(self):
        while b"\n" not in self.buf:
            d = self.sock.recv(65536)
            if not d:
                raise OSError("closed")
            self.buf += d
        line, self.buf = self.buf.split(b"\n", 1)
        return line.rstrip(b"\r")


class Sink:
    def __init__(self, ext=("PIPELINING", "8BITMIME", "SIZE 10000000"), replies=None,
                 cert=None, implicit=False, greeting="220 sink ESMTP", slow=0, inject=b"",
                 broken_tls=False, cut_after=None, host="127.0.0.1", port=0, tls_ext=None, at=None,
                 ask=None, version=None):
        self.ext, self.replies, self.cert = list(ext), replies or {}, cert
        self.tls_ext, self.at = tls_ext, at or (lambda point, session: None)
        self.ask, self.version = ask, version
        self.implicit, self.greeting, self.slow = implicit, greeting, slow
        self.inject, self.broken_tls, self.cut_after = inject, broken_tls, cut_after
        self.messages, self.sessions, self.tls_names = [], [], []
        self.lock = threading.Lock()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.accepting.join()   # or it would serve whoever gets the descriptor's number next
        self.listener.close()

    def accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            s = Session(self, sock)
            self.sessions.append(s)
            threading.Thread(target=self.run, args=(s,), daemon=True).start()

    def context(self):
        c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        c.load_cert_chain(self.cert + "/mail.crt", self.cert + "/mail.key")
        if self.ask:
            c.verify_mode = ssl.CERT_REQUIRED
            c.load_verify_locations(self.ask)
        if self.version:
            c.minimum_version = c.maximum_version = self.version
        c.sni_callback = lambda sock, name, ctx: self.tls_names.append(name)
        return c

    def run(self, s):
        try:
            if self.implicit:
                s.sock = self.context().wrap_socket(s.sock, server_side=True)
                s.tls, s.peer = True, s.sock.getpeercert(True)
            self.at("CONNECT", s)
            s.say(self.greeting)
            while self.command(s):
                pass
        except (OSError, ssl.SSLError, ValueError):
            pass
        finally:
            s.sock.close()

    def reply(self, s, verb, args, default):
        r = self.replies.get(verb, default)
        if callable(r):
            r = r(args, s)
        self.at(verb, s)
        if r is not None:
            s.say(r)
        return r

    def command(self, s):
        line = s.line().decode("latin-1")
        s.commands.append(line)
        verb, _, args = line.partition(" ")
        verb = verb.upper()
        if verb == "EHLO":
            ext = list(self.tls_ext if s.tls and self.tls_ext is not None else self.ext)
            if self.cert and not s.tls:
                ext.append("STARTTLS")
            lines = ["sink"] + ext
            text = "\n".join("250%s%s" % ("-" if i < len(lines) - 1 else " ", l)
                             for i, l in enumerate(lines))
            return self.reply(s, verb, args, text) is not None
        if verb == "STARTTLS":
            return self.starttls(s)
        if verb == "MAIL":
            r = self.reply(s, verb, args, "250 2.1.0 ok")
            if r and r[0] == "2":
                s.mail, s.rcpts, s.args = path(args), [], args
            return r is not None
        if verb == "RCPT":
            r = self.reply(s, verb, args, "250 2.1.5 ok")
            if r and r[0] == "2":
                s.rcpts.append(path(args))
            return r is not None
        if verb == "DATA":
            r = self.reply(s, verb, args, "354 go" if s.rcpts else "554 5.5.1 nobody")
            return r is not None and (r[0] != "3" or self.data(s))
        if verb == "RSET":
            s.mail, s.rcpts = None, []
            return self.reply(s, verb, args, "250 ok") is not None
        if verb == "QUIT":
            s.say("221 bye")
            return False
        return self.reply(s, verb, args, "500 what") is not None

    def starttls(self, s):
        r = self.reply(s, "STARTTLS", "", None) if "STARTTLS" in self.replies else "220 go"
        if r is None:
            return False
        if r[0] != "2":
            return True
        if "STARTTLS" not in self.replies:
            s.sock.sendall(b"220 go\r\n" + self.inject)
        if self.broken_tls:
            s.sock.recv(16)
            s.sock.sendall(b"this is no TLS\r\n" * 4)
            return False
        s.buf = b""
        s.sock = self.context().wrap_socket(s.sock, server_side=True)
        s.tls, s.peer = True, s.sock.getpeercert(True)
        return True

    def data(self, s):
        body, got = [], 0
        while True:
            line = s.line()
            if line == b".":
                break
            if line.startswith(b"."):
                line = line[1:]
            if not body:
                self.at("BODY", s)
            body.append(line + b"\r\n")
            got += len(line) + 2
            if self.cut_after is not None and got > self.cut_after:
                return False
        m = {"from": s.mail, "rcpts": s.rcpts, "data": b"".join(body), "tls": s.tls,
             "session": s, "args": s.args}
        r = self.replies.get("END", "250 2.0.0 taken")
        if callable(r):
            r = r(m, s)
        self.at("END", s)
        if r is None:
            return False
        if r[0] == "2":
            with self.lock:
                self.messages.append(m)
        s.mail, s.rcpts = None, []
        s.say(r)
        return True


def path(args):
    return args[args.index("<") + 1:args.index(">")]
