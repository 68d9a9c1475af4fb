/*
 * Routes and addresses: patterns, order of the lists, attempts.
 */
#include "conf.h"
#include "queued/queued.h"
#include "queued/route.h"
#include "test.h"

static const struct {
	const char	*pattern, *domain;
	int		 want;
} patterns[] = {
	{ "example.org",	"example.org",			1 },
	{ "example.org",	"a.example.org",		0 },
	{ "example.org",	"",				0 },
	{ ".example.org",	"example.org",			1 },
	{ ".example.org",	"a.example.org",		1 },
	{ ".example.org",	"a.b.example.org",		1 },
	{ ".example.org",	"badexample.org",		0 },
	{ ".example.org",	"example.org.net",		0 },
	{ ".example.org",	"org",				0 },
	{ ".example.org",	"",				0 },
	{ ".b.c",		"ab.c",				0 },
	{ ".",			"",				1 },
	{ ".",			"example.org",			0 },
};

/* Lines of routes; "-" stands for an account that has none. */
static const struct {
	const char	*name;
	const char	*account, *domain, *global;	/* domain: of a.example */
	const char	*from, *to;
	uint32_t	 attempts;
	const char	*source, *transport;
} cases[] = {
	{ "nothing matches", "-", "", "", "a.example", "x.org", 0,
	  "none", "default" },
	{ "no list matches all", "-", "", "transport g", "a.example", "x.org",
	  0, "global", "g" },
	{ "first match", "-", "", "to y.org transport 1\n"
	  "to x.org transport 2\ntransport 3", "a.example", "x.org", 0,
	  "global", "2" },
	{ "any of a list", "-", "", "to { x.org, .y.org } transport g",
	  "a.example", "s.y.org", 0, "global", "g" },
	{ "account before domain before global", "transport a", "transport d",
	  "transport g", "a.example", "x.org", 0, "account", "a" },
	{ "domain before global", "to y.org transport a", "transport d",
	  "transport g", "a.example", "x.org", 0, "domain", "d" },
	{ "the sender's domain", "-", "transport d", "transport g",
	  "b.example", "x.org", 0, "global", "g" },
	{ "an account's default hides the rest", "transport default",
	  "transport d", "transport g", "a.example", "x.org", 0, "account",
	  "default" },
	{ "from and to", "-", "", "from b.example to x.org transport g",
	  "a.example", "x.org", 0, "none", "default" },
	{ "attempts: before", "-", "", "minimum-attempts 2 transport g",
	  "a.example", "x.org", 1, "none", "default" },
	{ "attempts: then", "-", "", "minimum-attempts 2 transport g",
	  "a.example", "x.org", 2, "global", "g" },
	{ "attempts: later", "-", "", "minimum-attempts 2 transport g",
	  "a.example", "x.org", 9, "global", "g" },
	{ "null sender", "-", "transport d", "from . transport g", "",
	  "x.org", 0, "global", "g" },
	{ "null sender and a domain", "-", "", "from a.example transport g",
	  "", "x.org", 0, "none", "default" },
	{ "literal: a list of domains", "-", "", "to .org transport g",
	  "a.example", "", 0, "none", "default" },
	{ "literal: dot", "-", "", "to . transport g", "a.example", "", 0,
	  "global", "g" },
	{ "no list matches the empty domain, too", "-", "", "transport g",
	  "", "", 0, "global", "g" },
	{ "from, to and attempts: all", "-", "", "from .a.example to .x.org "
	  "minimum-attempts 2 transport g", "b.a.example", "x.org", 2,
	  "global", "g" },
	{ "from, to and attempts: too early", "-", "", "from .a.example to "
	  ".x.org minimum-attempts 2 transport g", "b.a.example", "x.org", 1,
	  "none", "default" },
	{ "from, to and attempts: another sender", "-", "", "from .a.example "
	  "to .x.org minimum-attempts 2 transport g", "ba.example", "x.org",
	  2, "none", "default" },
	{ "after some attempts another way", "-", "",
	  "minimum-attempts 2 transport late\ntransport g", "a.example",
	  "x.org", 1, "global", "g" },
	{ "an account's for later hides nothing before",
	  "minimum-attempts 2 transport a", "transport d", "transport g",
	  "a.example", "x.org", 1, "domain", "d" },
	{ "U-label", "-", "", "to b\303\274cher.example transport g",
	  "a.example", "xn--bcher-kva.example", 0, "global", "g" },
};

static const struct {
	const char	*address, *destination, *route;
} addresses[] = {
	{ "x@example.org", "example.org", "example.org" },
	{ "x@Example.ORG", "example.org", "example.org" },
	{ "x@b\303\274cher.example", "xn--bcher-kva.example",
	  "xn--bcher-kva.example" },
	{ "\"a@b\"@example.org", "example.org", "example.org" },
	{ "x@[192.0.2.1]", "[192.0.2.1]", "" },
	{ "x@[IPv6:2001:DB8::1]", "[ipv6:2001:db8::1]", "" },
	{ "x@[]", NULL, "" },
	{ "x@[a b]", NULL, "" },
	{ "x@", NULL, "" },
	{ "@example.org", NULL, "example.org" },
	{ "x", NULL, "" },
	{ "", NULL, "" },
	{ "x@a..b", NULL, "" },
	{ "x@-a.org", NULL, "" },
};

static void
parse(const char *lines, struct list *l)
{
	struct conf_route	 r;
	struct span		 s = span_str(lines), line;
	struct buf		 why = { 0 };

	memset(l, 0, sizeof(*l));
	while (s.n > 0) {
		span_split(&s, '\n', &line);
		if (conf_route_parse(line, &r, &why) == -1) {
			CHECK(0, "%s: %s", lines, buf_cstr(&why));
			break;
		}
		l->v = reallocarray(l->v, l->n + 1, sizeof(r));
		((struct conf_route *)l->v)[l->n++] = r;
	}
	buf_free(&why);
}

static void
release(struct list *l)
{
	size_t	 i;

	for (i = 0; i < l->n; i++)
		codec_free(&c_conf_route, (struct conf_route *)l->v + i);
	free(l->v);
	memset(l, 0, sizeof(*l));
}

static void
test_routes(size_t i)
{
	static char		 name[] = "a.example";
	struct conf_domain	 d = { .name = name };
	struct conf		 c = { 0 };
	struct route_choice	 got;
	struct list		 account;

	c.domains.v = &d;
	c.domains.n = 1;
	parse(cases[i].account[0] == '-' ? "" : cases[i].account, &account);
	parse(cases[i].domain, &d.routes);
	parse(cases[i].global, &c.routes);
	route_choose(&c, cases[i].account[0] == '-' ? NULL : &account,
	    cases[i].from, cases[i].to, cases[i].attempts, &got);
	CHECK(strcmp(got.source, cases[i].source) == 0 &&
	    strcmp(got.transport, cases[i].transport) == 0, "%s: %s %s",
	    cases[i].name, got.source, got.transport);
	release(&account);
	release(&d.routes);
	release(&c.routes);
}

int
main(void)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(patterns); i++)
		CHECK(route_pattern_matches(patterns[i].pattern,
		    patterns[i].domain) == patterns[i].want, "%s, %s",
		    patterns[i].pattern, patterns[i].domain);
	for (i = 0; i < nitems(cases); i++)
		test_routes(i);
	for (i = 0; i < nitems(addresses); i++) {
		buf_reset(&b);
		rc = address_destination(span_str(addresses[i].address), &b);
		CHECK(addresses[i].destination == NULL ? rc == -1 : rc == 0 &&
		    strcmp(buf_cstr(&b), addresses[i].destination) == 0,
		    "<%s> goes to %s", addresses[i].address,
		    rc == -1 ? "nowhere" : buf_cstr(&b));
		buf_reset(&b);
		address_route_domain(span_str(addresses[i].address), &b);
		CHECK(strcmp(buf_cstr(&b), addresses[i].route) == 0,
		    "<%s>: domain for routes %s", addresses[i].address,
		    buf_cstr(&b));
	}
	buf_free(&b);
	return (test_done());
}
