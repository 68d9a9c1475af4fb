#!/usr/bin/env python3
"""More transports than there may be workers at once: none of them waits for ever."""
import smtplib

from smarthost_test import ALICE
from smtpsink import Sink
from suite import PASSWORD, Suite, diag, done, ok, wait_for

MANY, MORE = 62, 66


def submit(s, *to):
    c = smtplib.SMTP("127.0.0.1", s.submission)
    c.login(ALICE, PASSWORD)
    c.sendmail(ALICE, to, "From: %s\r\nSubject: x\r\n\r\nx\r\n" % ALICE)
    c.quit()


def main():
    sink = Sink()
    conf = "".join('transport "t%d" smtp host "127.0.0.1" port %d tls off connections-total 1\n'
                   'route to "t%d.example" transport "t%d"\n' % (i, sink.port, i, i) for i in range(MORE))
    with Suite("allow-private-addresses\n" + conf) as s:
        submit(s, *["x@t%d.example" % i for i in range(MANY)])
        ok(wait_for(lambda: len(sink.messages) == MANY), "%d transports in use" % MANY) or diag(len(sink.messages))
        submit(s, *["x@t%d.example" % i for i in range(MANY, MORE)])
        ok(wait_for(lambda: len(sink.messages) == MORE), "and some more: the idle make room") or \
            diag(s.ctl("queue", "list"), s.logged()[-1000:])
        ok(wait_for(lambda: all(r["state"] == "ready" for r in s.rows("status"))), "all processes are well")
    done()


main()
