/* Names, addresses and records of DNS. */
#include <errno.h>
#include <netinet/in.h>

#include "dns.h"
#include "test.h"

#define L63	"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"
#define N249	L63 "." L63 "." L63 "." "aaaaaaaaaabbbbbbbbbbccccccccccdddddd" \
		"ddddeeeeeeeeeefffffff"

/* ---- hosts and domains -------------------------------------------------- */

static const struct {
	const char	*s;
	int		 want;
} hosts[] = {
	{ "example.org", 1 }, { "a", 1 }, { "1.2", 1 }, { "EXAMPLE", 1 },
	{ "_25._tcp.mx", 1 }, { "a-b.c--d", 1 }, { L63 ".a", 1 },
	{ N249 ".aa", 1 }, { N249 ".aaaa", 0 }, { L63 "x.a", 0 },
	{ "", 0 }, { ".", 0 }, { "a.", 0 }, { ".a", 0 }, { "a..b", 0 },
	{ "-a.b", 0 }, { "a-.b", 0 }, { "a.b-", 0 }, { "a b", 0 },
	{ "a\\b", 0 }, { "\303\244.b", 0 }, { "[1.2.3.4]", 0 },
};

static const struct {
	const char	*in, *want;
} domains[] = {
	{ "Example.ORG", "example.org" },
	{ "example.org.", "example.org" },
	{ "B\303\234CHER.example", "xn--bcher-kva.example" },
	{ "bu\314\210cher.example", "xn--bcher-kva.example" },	/* NFC */
	{ "fa\303\237.example", "xn--fa-hia.example" },	/* nontransitional */
	{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
	{ "r3---sn-a.example", "r3---sn-a.example" },
	{ "\345\214\227.\344\272\254", "xn--djr.xn--1lq" },
	{ "a\343\200\202b", "a.b" },			/* ideographic stop */
	{ "_dmarc.example", "_dmarc.example" },
	{ "", NULL }, { ".", NULL }, { "a..b", NULL }, { "-a", NULL },
	{ "a b", NULL }, { "a@b", NULL }, { "\377.example", NULL },
	{ "\342\230\203..x", NULL }, { L63 "x", NULL },
	{ "\342\200\213", NULL },			/* maps to nothing */
};

static void
test_hosts(void)
{
	char	*out;
	size_t	 i;
	int	 rc;

	for (i = 0; i < nitems(hosts); i++)
		CHECK(dns_host_valid(span_str(hosts[i].s)) == hosts[i].want,
		    "host \"%s\"", hosts[i].s);
	for (i = 0; i < nitems(domains); i++) {
		rc = dns_domain_ascii(domains[i].in, &out);
		if (domains[i].want == NULL)
			CHECK(rc == -1 && errno == EINVAL && out == NULL,
			    "domain %zu: %s", i, out == NULL ? "none" : out);
		else
			CHECK(rc == 0 && strcmp(out, domains[i].want) == 0,
			    "domain %zu: %s", i, out == NULL ? "none" : out);
		free(out);
	}
}

/* ---- names in wire form ------------------------------------------------- */

static const struct name_case {
	const char	*text;
	const char	*wire;		/* NULL: cannot be put */
	size_t		 n;
	const char	*back;		/* NULL: as text */
} names[] = {
	{ "example.org", "\7example\3org\0", 13, NULL },
	{ "Example.Org.", "\7Example\3Org\0", 13, "example.org" },
	{ ".", "\0", 1, NULL },
	{ "a\\.b.c", "\3a.b\1c\0", 7, "a\\046b.c" },
	{ "a\\046b.c", "\3a.b\1c\0", 7, NULL },
	{ "a\\000", "\2a\0\0", 4, NULL },
	{ "\\255\\\\", "\2\377\\\0", 4, "\\255\\092" },
	{ "a b", "\3a b\0", 5, "a\\032b" },
	{ "", NULL, 0, NULL }, { "..", NULL, 0, NULL },
	{ ".a", NULL, 0, NULL }, { "a..b", NULL, 0, NULL },
	{ "a..", NULL, 0, NULL }, { "\\", NULL, 0, NULL },
	{ "\\25", NULL, 0, NULL }, { "\\256", NULL, 0, NULL },
	{ "\\2x5", NULL, 0, NULL }, { L63 "x", NULL, 0, NULL },
	{ N249 ".aaaa", NULL, 0, NULL },
	{ N249 ".aaaa.", NULL, 0, NULL },
};

static void
test_names(void)
{
	const struct name_case	*c;
	struct buf		 wire = { 0 }, text = { 0 };
	struct span		 s;
	size_t			 i;
	int			 rc;

	for (c = names; c < names + nitems(names); c++) {
		buf_reset(&wire);
		buf_reset(&text);
		buf_addc(&wire, 'x');
		rc = dns_name_put(&wire, span_str(c->text));
		if (c->wire == NULL) {
			CHECK(rc == -1 && wire.n == 1 && errno == EINVAL,
			    "name \"%s\" cannot be", c->text);
			continue;
		}
		CHECK(rc == 0 && span_eq(span_of(wire.p + 1, wire.n - 1),
		    span_of(c->wire, c->n)), "name \"%s\": %zu octets",
		    c->text, wire.n - 1);
		buf_addc(&wire, 'y');
		s = span_of(wire.p + 1, wire.n - 1);
		rc = dns_name_get(&s, &text);
		CHECK(rc == 0 && s.n == 1 && span_eqs(span_buf(&text),
		    c->back == NULL ? c->text : c->back), "and back: %s",
		    buf_cstr(&text));
		for (i = 0; i < c->n; i++) {	/* cut short */
			s = span_of(wire.p + 1, i);
			if (dns_name_get(&s, &text) != -1 || s.n != i)
				CHECK(0, "\"%s\" cut at %zu", c->text, i);
		}
	}
	buf_reset(&wire);
	CHECK(dns_name_put(&wire, span_str(N249 ".aaa")) == 0 &&
	    wire.n == DNS_WIRE_MAX, "the longest name, %zu", wire.n);
	for (i = 0, buf_reset(&wire); i < 4; i++) {
		buf_addc(&wire, i == 3 ? 61 : 63);
		for (rc = i == 3 ? 61 : 63; rc > 0; rc--)
			buf_addc(&wire, 0xff);
	}
	buf_addc(&wire, 0);
	buf_reset(&text);
	s = span_buf(&wire);
	CHECK(dns_name_get(&s, &text) == 0 && text.n < DNS_TEXT_MAX,
	    "the longest text, %zu", text.n);
	wire.p[192]++;				/* and one octet more */
	wire.p[wire.n - 1] = 0xff;
	buf_addc(&wire, 0);
	s = span_buf(&wire);
	CHECK(dns_name_get(&s, &text) == -1, "too long");
	s = span_of("\300\0", 2);
	CHECK(dns_name_get(&s, &text) == -1, "compressed");
	buf_free(&wire);
	buf_free(&text);
}

/* ---- addresses ---------------------------------------------------------- */

static const struct {
	const char		*text;
	enum dns_addr_kind	 kind;
} kinds[] = {
	{ "192.0.2.1", DNS_ADDR_PUBLIC }, { "8.8.8.8", DNS_ADDR_PUBLIC },
	{ "127.0.0.1", DNS_ADDR_LOOPBACK }, { "127.9.9.9", DNS_ADDR_LOOPBACK },
	{ "0.0.0.0", DNS_ADDR_NONE }, { "0.1.2.3", DNS_ADDR_NONE },
	{ "10.0.0.1", DNS_ADDR_PRIVATE }, { "172.15.0.1", DNS_ADDR_PUBLIC },
	{ "172.16.0.1", DNS_ADDR_PRIVATE }, { "172.31.9.9", DNS_ADDR_PRIVATE },
	{ "172.32.0.1", DNS_ADDR_PUBLIC }, { "192.168.1.1", DNS_ADDR_PRIVATE },
	{ "169.254.1.1", DNS_ADDR_PRIVATE }, { "100.63.0.1", DNS_ADDR_PUBLIC },
	{ "100.64.0.1", DNS_ADDR_PRIVATE }, { "100.128.0.1", DNS_ADDR_PUBLIC },
	{ "223.1.1.1", DNS_ADDR_PUBLIC }, { "224.0.0.1", DNS_ADDR_NONE },
	{ "255.255.255.255", DNS_ADDR_NONE },
	{ "2001:db8::1", DNS_ADDR_PUBLIC }, { "::1", DNS_ADDR_LOOPBACK },
	{ "::", DNS_ADDR_NONE }, { "::2", DNS_ADDR_NONE },
	{ "fe80::1", DNS_ADDR_PRIVATE }, { "febf::1", DNS_ADDR_PRIVATE },
	{ "fec0::1", DNS_ADDR_PRIVATE }, { "fc00::1", DNS_ADDR_PRIVATE },
	{ "fdff::1", DNS_ADDR_PRIVATE }, { "fe00::1", DNS_ADDR_PUBLIC },
	{ "ff02::1", DNS_ADDR_NONE },
	{ "::ffff:127.0.0.1", DNS_ADDR_LOOPBACK },
	{ "::ffff:8.8.8.8", DNS_ADDR_PUBLIC },
	{ "64:ff9b::a00:1", DNS_ADDR_PRIVATE },
	{ "64:ff9b::808:808", DNS_ADDR_PUBLIC },
	{ "64:ff9b:1::1", DNS_ADDR_PRIVATE },
	{ "2002:7f00:1::1", DNS_ADDR_LOOPBACK },
	{ "2002:808:808::1", DNS_ADDR_PUBLIC },
};

static const struct {
	const char	*in, *want;		/* NULL: none */
} literals[] = {
	{ "[192.0.2.1]", "192.0.2.1" }, { "[IPv6:2001:db8::1]", "2001:db8::1" },
	{ "[ipv6:::1]", "::1" }, { "[IPv6:::ffff:192.0.2.1]",
	    "::ffff:192.0.2.1" },
	{ "[2001:db8::1]", NULL }, { "[IPv6:192.0.2.1]", NULL },
	{ "192.0.2.1", NULL }, { "[192.0.2.1", NULL }, { "192.0.2.1]", NULL },
	{ "[]", NULL }, { "[IPv6:]", NULL }, { "[192.0.2]", NULL },
	{ "[192.0.2.256]", NULL }, { "[ 192.0.2.1]", NULL },
	{ "[192.0.2.01]", NULL }, { "[IPv6:fe80::1%eth0]", NULL },
	{ "[tag:x]", NULL }, { "[[192.0.2.1]]", NULL }, { "", NULL },
};

static void
test_addresses(void)
{
	struct sockaddr_storage	 ss;
	struct dns_addr		 a, b;
	struct buf		 name = { 0 };
	char			 text[DNS_ADDR_TEXT];
	uint16_t		 port = 0;
	size_t			 i;
	int			 rc, family;

	for (i = 0; i < nitems(kinds); i++) {
		rc = dns_addr_parse(span_str(kinds[i].text), &a);
		CHECK(rc == 0 && strcmp(dns_addr_text(&a, text),
		    kinds[i].text) == 0 && dns_addr_kind(&a) == kinds[i].kind,
		    "address %s", kinds[i].text);
		dns_addr_to(&a, 25, &ss);
		rc = dns_addr_from((struct sockaddr *)&ss, &b, &port);
		CHECK(rc == 0 && port == 25 && (dns_addr_eq(&a, &b) ||
		    strncmp(text, "::ffff:", 7) == 0), "as a socket has it");
		family = a.family;
		rc = dns_addr_get(span_of(a.octets, family == AF_INET ? 4 :
		    16), family, &b);
		CHECK(rc == 0 && dns_addr_eq(&a, &b), "as a record has it");
	}
	for (i = 0; i < nitems(literals); i++) {
		rc = dns_addr_literal(span_str(literals[i].in), &a);
		CHECK((rc == 0) == (literals[i].want != NULL) && (rc == -1 ||
		    strcmp(dns_addr_text(&a, text), literals[i].want) == 0),
		    "literal \"%s\"", literals[i].in);
	}
	CHECK(dns_addr_parse(span_of("1.2.3.4\0", 8), &a) == -1, "a NUL");
	CHECK(dns_addr_get(span_of("12345", 5), AF_INET, &a) == -1 &&
	    dns_addr_get(span_of("1234", 4), AF_INET6, &a) == -1,
	    "records of another size");
	dns_addr_parse(span_str("::ffff:192.0.2.7"), &a);
	dns_addr_to(&a, 25, &ss);
	dns_addr_from((struct sockaddr *)&ss, &b, NULL);
	CHECK(b.family == AF_INET && strcmp(dns_addr_text(&b, text),
	    "192.0.2.7") == 0, "a mapped address is IPv4");
	ss.ss_family = AF_UNIX;
	CHECK(dns_addr_from((struct sockaddr *)&ss, &b, NULL) == -1,
	    "another family");
	dns_addr_parse(span_str("192.0.2.7"), &a);
	dns_addr_reverse(&a, &name);
	CHECK(span_eqs(span_buf(&name), "7.2.0.192.in-addr.arpa"),
	    "reverse, IPv4");
	buf_reset(&name);
	dns_addr_parse(span_str("2001:db8::567:89ab"), &a);
	dns_addr_reverse(&a, &name);
	CHECK(span_eqs(span_buf(&name), "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0."
	    "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), "reverse, IPv6");
	buf_free(&name);
}

/* ---- records ------------------------------------------------------------ */

#define S(s)	{ (const uint8_t *)(s), sizeof(s) - 1 }

static const struct mx_case {
	const char		*name;
	struct span		 rdata[5];
	enum dns_mx_result	 want;
	const char		*hosts;		/* "10 a 20 b" */
} mxs[] = {
	{ "one", { S("\0\12\1a\0") }, DNS_MX_LIST, "10 a " },
	{ "in order", { S("\0\36\1c\0"), S("\0\12\1a\0"), S("\0\24\1B\0") },
	    DNS_MX_LIST, "10 a 20 b 30 c " },
	{ "equal", { S("\0\1\1c\0"), S("\0\1\1a\0"), S("\0\0\1b\0") },
	    DNS_MX_LIST, "0 b 1 a 1 c " },
	{ "twice", { S("\0\24\1a\0"), S("\0\17\1b\0"), S("\0\12\1A\0") },
	    DNS_MX_LIST, "10 a 15 b " },
	{ "null", { S("\0\0\0") }, DNS_MX_NULL, "" },
	{ "null and another", { S("\0\0\0"), S("\0\12\1a\0") }, DNS_MX_LIST,
	    "10 a " },
	{ "the dot twice", { S("\0\0\0"), S("\0\1\0") }, DNS_MX_BROKEN, "" },
	{ "more than fit", { S("\0\5\1e\0"), S("\0\4\1d\0"), S("\0\3\1c\0"),
	    S("\0\2\1b\0") }, DNS_MX_LIST, "2 b 3 c 4 d " },
	{ "two octets", { S("\0\12") }, DNS_MX_BROKEN, "" },
	{ "one octet", { S("\0") }, DNS_MX_BROKEN, "" },
	{ "no end", { S("\0\12\1a") }, DNS_MX_BROKEN, "" },
	{ "something behind", { S("\0\12\1a\0x") }, DNS_MX_BROKEN, "" },
	{ "no host's name", { S("\0\12\3a b\0") }, DNS_MX_BROKEN, "" },
	{ "one of them is", { S("\0\12\3a b\0"), S("\0\13\1a\0") },
	    DNS_MX_LIST, "11 a " },
	{ "compressed", { S("\0\12\300\0") }, DNS_MX_BROKEN, "" },
	{ "none", { { NULL, 0 } }, DNS_MX_BROKEN, "" },
};

static uint32_t
none(uint32_t below)
{
	(void)below;
	return (0);
}

static uint32_t	 seed;

static uint32_t
some(uint32_t below)
{
	seed = seed * 1103515245 + 12345;
	return ((seed >> 16) % below);
}

static void
test_mx(void)
{
	const struct mx_case	*c;
	struct dns_mx		 mx[3];
	struct buf		 got = { 0 };
	size_t			 i, n, k, first[3] = { 0 };
	int			 rc;

	for (c = mxs; c < mxs + nitems(mxs); c++) {
		for (k = 0; k < nitems(c->rdata) && c->rdata[k].p != NULL; k++)
			;
		rc = dns_mx_list(c->rdata, k, none, mx, nitems(mx), &n);
		buf_reset(&got);
		for (i = 0; i < n; i++)
			buf_addf(&got, "%u %s ", mx[i].preference, mx[i].host);
		CHECK(rc == (int)c->want && span_eqs(span_buf(&got), c->hosts),
		    "MX, %s: %d, %s", c->name, rc, buf_cstr(&got));
	}
	buf_free(&got);
	/* By lot: each of three is the first about as often. */
	for (i = 0; i < 3000; i++) {
		const struct span	 v[3] = { S("\0\1\1a\0"), S("\0\1\1b\0"),
					    S("\0\1\1c\0") };

		dns_mx_list(v, 3, some, mx, 3, &n);
		first[mx[0].host[0] - 'a']++;
	}
	CHECK(first[0] > 900 && first[1] > 900 && first[2] > 900,
	    "by lot: %zu %zu %zu", first[0], first[1], first[2]);
	CHECK(dns_mx_list(mxs[0].rdata, 1, none, mx, 0, &n) == DNS_MX_BROKEN,
	    "no room at all");
}

static void
test_others(void)
{
	static const struct {
		struct span	 in;
		const char	*want;
	} txts[] = {
		{ S("\3v=s\4pf1 "), "v=spf1 " }, { S("\0"), "" },
		{ S(""), "" }, { S("\0\1a\0"), "a" },
		{ S("\2a"), NULL }, { S("\1a\5b"), NULL },
	}, targets[] = {
		{ S("\1A\1b\0"), "a.b" }, { S("\0"), "." },
		{ S("\1a\0x"), NULL }, { S(""), NULL }, { S("\300\14"), NULL },
	};
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(txts); i++) {
		buf_reset(&b);
		rc = dns_txt_get(txts[i].in, &b);
		CHECK((rc == 0) == (txts[i].want != NULL) && span_eqs(
		    span_buf(&b), rc == 0 && txts[i].want != NULL ?
		    txts[i].want : ""), "TXT %zu", i);
	}
	for (i = 0; i < nitems(targets); i++) {
		buf_reset(&b);
		rc = dns_target_get(targets[i].in, &b);
		CHECK((rc == 0) == (targets[i].want != NULL) && span_eqs(
		    span_buf(&b), rc == 0 && targets[i].want != NULL ?
		    targets[i].want : ""), "target %zu", i);
	}
	buf_free(&b);
}

int
main(void)
{
	test_hosts();
	test_names();
	test_addresses();
	test_mx();
	test_others();
	return (test_done());
}
