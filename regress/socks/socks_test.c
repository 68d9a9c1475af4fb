/* SOCKS version 5: each conversation in one piece, and an octet at a time. */
#include <sys/socket.h>

#include "socks.h"
#include "test.h"

#define S(s)	{ s, sizeof(s) - 1 }

struct octets { const char *p; size_t n; };

static const struct test {
	const char		*what;
	const char		*to;		/* address, or a name */
	int			 login;
	struct octets		 in, out;
	enum socks_want		 want;
	enum socks_failure	 failure;
	const char		*left, *bound;
} tests[] = {
	{ "IPv4, no login", "192.0.2.1", 0,
	  S("\5\0" "\5\0\0\1\1\2\3\4\0\x19" "220 x"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_DONE, 0, "220 x", "1.2.3.4" },
	{ "IPv6", "2001:db8::1", 0,
	  S("\5\0" "\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\1\0"),
	  S("\5\1\0" "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x19"),
	  SOCKS_DONE, 0, "", "2001:db8::2" },
	{ "name; the proxy names itself", "mx.example", 0,
	  S("\5\0" "\5\0\0\3\2ab\0\x19z"),
	  S("\5\1\0" "\5\1\0\3\x0amx.example\0\x19"),
	  SOCKS_DONE, 0, "z", NULL },
	{ "an empty name of the proxy", "192.0.2.1", 0,
	  S("\5\0" "\5\0\0\3\0\0\x19"), S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_DONE, 0, "", NULL },
	{ "login", "192.0.2.1", 1,
	  S("\5\2" "\1\0" "\5\0\0\1\1\2\3\4\0\1"),
	  S("\5\2\0\2" "\1\1u\2pw" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_DONE, 0, "", "1.2.3.4" },
	{ "login offered, not wanted", "192.0.2.1", 1,
	  S("\5\0" "\5\0\0\1\1\2\3\4\0\1"),
	  S("\5\2\0\2" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_DONE, 0, "", "1.2.3.4" },
	{ "login refused", "192.0.2.1", 1, S("\5\2" "\1\1"),
	  S("\5\2\0\2" "\1\1u\2pw"), SOCKS_FAILED, SOCKS_LOGIN, "", NULL },
	{ "login answered in another version", "192.0.2.1", 1, S("\5\2" "\5\0"),
	  S("\5\2\0\2" "\1\1u\2pw"), SOCKS_FAILED, SOCKS_PROTOCOL, "", NULL },
	{ "login wanted, none here", "192.0.2.1", 0, S("\5\2"), S("\5\1\0"),
	  SOCKS_FAILED, SOCKS_LOGIN, "", NULL },
	{ "no method", "192.0.2.1", 1, S("\5\xff"), S("\5\2\0\2"),
	  SOCKS_FAILED, SOCKS_LOGIN, "", NULL },
	{ "version 4", "192.0.2.1", 0, S("\4\0"), S("\5\1\0"),
	  SOCKS_FAILED, SOCKS_PROTOCOL, "", NULL },
	{ "a mail server instead", "192.0.2.1", 0, S("220 x\r\n"), S("\5\1\0"),
	  SOCKS_FAILED, SOCKS_PROTOCOL, "0 x\r\n", NULL },
	{ "refused by the target", "192.0.2.1", 0,
	  S("\5\0" "\5\5\0\1\0\0\0\0\0\0"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_FAILED, SOCKS_TARGET, "\0\1\0\0\0\0\0\0", NULL },
	{ "not allowed", "192.0.2.1", 0, S("\5\0" "\5\2"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_FAILED, SOCKS_PROXY, "", NULL },
	{ "a reply of the future", "192.0.2.1", 0, S("\5\0" "\5\x99"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_FAILED, SOCKS_PROXY, "", NULL },
	{ "another kind of address", "192.0.2.1", 0,
	  S("\5\0" "\5\0\0\2\1\2\3\4\0\1"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_FAILED, SOCKS_PROTOCOL, NULL, NULL },
	{ "a reply in version 4", "192.0.2.1", 0, S("\5\0" "\4\0\0\1"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"),
	  SOCKS_FAILED, SOCKS_PROTOCOL, NULL, NULL },
	{ "half a reply", "192.0.2.1", 0, S("\5\0" "\5\0\0\1\1\2\3"),
	  S("\5\1\0" "\5\1\0\1\xc0\0\2\1\0\x19"), SOCKS_MORE, 0, "", NULL },
};

static void
one(const struct test *t, size_t piece)
{
	struct socks_target	 to = { .port = 25 };
	struct socks_login	 login = { span_str("u"), span_str("pw") };
	struct socks		*s;
	struct span		 all = span_of(t->in.p, t->in.n), in;
	struct buf		 out = { 0 };
	struct dns_addr		 a;
	enum socks_want		 want;
	char			 text[DNS_ADDR_TEXT];
	uint16_t		 port;

	if (dns_addr_parse(span_str(t->to), &to.addr) == -1)
		to.name = t->to;
	s = socks_new(&to, t->login ? &login : NULL);
	in = span_of("", 0);
	want = socks_step(s, &in, &out);
	while (want == SOCKS_MORE && all.n > 0) {
		in = span_of(all.p, all.n < piece ? all.n : piece);
		all.p += in.n;
		all.n -= in.n;
		want = socks_step(s, &in, &out);
		all.p -= in.n;
		all.n += in.n;
	}
	CHECK(want == t->want, "%s (%zu): outcome", t->what, piece);
	CHECK(span_eq(span_buf(&out), span_of(t->out.p, t->out.n)),
	    "%s (%zu): sent", t->what, piece);
	CHECK(socks_failure(s) == t->failure &&
	    (want == SOCKS_FAILED) == (socks_error(s)[0] != '\0'),
	    "%s (%zu): why", t->what, piece);
	if (want == SOCKS_DONE)
		CHECK(span_eqs(all, t->left), "%s (%zu): the rest is the target's",
		    t->what, piece);
	if (want == SOCKS_DONE)
		CHECK(socks_bound(s, &a, &port) == (t->bound == NULL ? -1 : 0) &&
		    (t->bound == NULL || strcmp(dns_addr_text(&a, text),
		    t->bound) == 0), "%s (%zu): from where", t->what, piece);
	socks_free(s);
	buf_free(&out);
}

int
main(void)
{
	static char		 name[257];
	struct socks_target	 t = { .name = name, .port = 25 };
	struct socks_login	 l = { span_str(name), span_str("x") };
	struct socks		*s;
	size_t			 i;

	for (i = 0; i < nitems(tests); i++) {
		one(&tests[i], 1000);
		one(&tests[i], 1);
		one(&tests[i], 3);
	}
	CHECK(socks_new(&t, NULL) == NULL, "an empty name");
	memset(name, 'a', 255);
	s = socks_new(&t, NULL);
	CHECK(s != NULL, "the longest name");
	socks_free(s);
	name[255] = 'a';
	CHECK(socks_new(&t, NULL) == NULL, "a longer name");
	(void)dns_addr_parse(span_str("192.0.2.1"), &t.addr);
	t.name = NULL;
	l.user = span_str(name);
	CHECK(socks_new(&t, &l) == NULL, "a longer user");
	l.user = span_str("u");
	l.password = span_str("");
	CHECK(socks_new(&t, &l) == NULL, "no password");
	return (test_done());
}
