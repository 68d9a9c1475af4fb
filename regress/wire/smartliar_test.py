#!/usr/bin/env python3
"""Smarthosts that lie or fail while somebody logs in.  Nothing is sent there, all of it is
tried again later, and the log says it loudly."""
import re

from smartscript import CUT, Case, b64, scenario, twisted


def after(n, then):
    """n challenges, then that reply, or the cut."""
    def run(args, s):
        for _ in range(n):
            s.say("334 " + b64("more"))
            if s.line() == b"*":
                s.stars = True
                return "501 5.5.2 as you like"
        return then
    return run


def logins():
    """SCRAM by a liar, and AUTH by a fool: nothing is sent there, all of it is tried again."""
    bare = ["AUTH SCRAM-SHA-256"]
    for name, what, change, why in (
            ("signature", "final", lambda x: "v=" + b64(b"x" * 32), "signature"),
            ("nosignature", "final", lambda x: "v=", ""),
            ("nofinal", "final", lambda x: None, "yes before"),
            ("error", "final", lambda x: "e=other-error", ""),
            ("final", "final", lambda x: "junk", ""),
            ("nonce", "first", lambda x: "r=other" + x[x.index(","):], "nonce"),
            ("cutnonce", "first", lambda x: "r=" + x[3:], "nonce"),
            ("one", "first", lambda x: x.replace("i=4096", "i=1"), "iteration count"),
            ("billions", "first", lambda x: x.replace("i=4096", "i=2147483648"), "iteration count"),
            ("tenths", "first", lambda x: x.replace("i=4096", "i=4096.5"), ""),
            ("minus", "first", lambda x: x.replace("i=4096", "i=-4096"), ""),
            ("nosalt", "first", lambda x: re.sub("s=[^,]*", "s=", x), ""),
            ("mandatory", "first", lambda x: "m=ext," + x, ""),
            ("junk", "first", lambda x: "\0\xff" * 50, "")):
        yield Case("scram-" + name, bare, "", "4.7.8 .*" + why, said="MAIL", replies={"AUTH": twisted(what, change)})
    yield Case("scram-early", bare, "", "4.7.8 .*yes before", said="MAIL", replies={"AUTH": "235 2.7.0 in"})
    for code in "535 5.7.8 no", "535 5.7.8", "534 5.7.9 weak", "530 5.7.0 first", "504 5.5.4 what", "500 what", \
            "554 5.7.1 go away", "454 4.7.0 later", "432 4.7.12 change it", "421 4.3.2 busy", "250 ok", "220 ok":
        name = "says" + code[:3] + ("" if " " in code[4:] or code[3:] == " what" else "bare")
        yield Case(name, bare, "", "4.5.0 " if code[0] == "2" else "%s 4.3.2 " % code[:3] if code[:3] == "421" else
                   "%s 4.7.8 " % code[:3], said="MAIL", replies={"AUTH": code})
    yield Case("challenges", ["AUTH PLAIN"], "mechanisms plain", "4.7.8 ", said="MAIL",
               replies={"AUTH": after(10000, "235 2.7.0 in")})
    yield Case("challenges2", bare, "", "4.7.8 ", said="MAIL", replies={"AUTH": after(10000, "235 2.7.0 in")})
    yield Case("notbase64", bare, "", "4.7.8 |.*4.5.0 ", said="MAIL", replies={"AUTH": "334 !!!!"})
    yield Case("lines334", bare, "", "4.7.8 |.*4.5.0 ", said="MAIL", replies={"AUTH": "334-YQ==\n334 YQ=="})
    yield Case("long334", bare, "", "4.7.8 |.*4.5.0 ", said="MAIL", replies={"AUTH": "334 " + "YWFh" * 5000})
    yield Case("mega", bare, "", r".*4\.(7\.8|5\.0|4\.2) ", said="MAIL", replies={"AUTH": "235 " + "x" * 1000000})
    yield Case("cut-auth", bare, "", CUT, said="MAIL", replies={"AUTH": None})
    yield Case("cut-334", ["AUTH LOGIN"], "mechanisms login", CUT, said="MAIL",
               replies={"AUTH": after(1, None)})


scenario(logins)
