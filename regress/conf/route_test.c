/* Routes one at a time, and what a role gets of a configuration. */
#include "conf.h"
#include "test.h"

static const struct route_case {
	const char	*in;
	const char	*from, *to;	/* patterns with blanks between them */
	unsigned	 attempts;
	const char	*transport;	/* NULL: must fail */
} cases[] = {
	{ "transport x",		"", "", 0, "x" },
	{ "route transport \"x y\"",	"", "", 0, "x y" },
	{ "to a.example transport x",	"", "a.example", 0, "x" },
	{ "from { A.example, \".b.example\" . } to .c.example "
	  "minimum-attempts 4 transport x", "a.example .b.example .",
	  ".c.example", 4, "x" },
	{ "\t to B\xc3\xbc" "cher.example  transport  x ",
	  "", "xn--bcher-kva.example", 0, "x" },
	{ "transport x to { a.example b.example }",
	  "", "a.example b.example", 0, "x" },
	{ "from <> to { \"<>\" } transport x", ".", ".", 0, "x" },
	{ "from <a> transport x",	NULL, NULL, 0, NULL },
	{ "",				NULL, NULL, 0, NULL },
	{ "route",			NULL, NULL, 0, NULL },
	{ "to a.example",		NULL, NULL, 0, NULL },
	{ "to transport x",		NULL, NULL, 0, NULL },
	{ "to { } transport x",		NULL, NULL, 0, NULL },
	{ "to { a.example transport x",	NULL, NULL, 0, NULL },
	{ "to a..example transport x",	NULL, NULL, 0, NULL },
	{ "to a.example to b.example transport x", NULL, NULL, 0, NULL },
	{ "minimum-attempts x transport x", NULL, NULL, 0, NULL },
	{ "minimum-attempts 1001 transport x", NULL, NULL, 0, NULL },
	{ "transport",			NULL, NULL, 0, NULL },
	{ "transport \"x",		NULL, NULL, 0, NULL },
	{ "transport x transport y",	NULL, NULL, 0, NULL },
	{ "transport \"\"",		NULL, NULL, 0, NULL },
	{ "transport {",		NULL, NULL, 0, NULL },
	{ "\"transport\" x",		NULL, NULL, 0, NULL },
	{ "transport x y",		NULL, NULL, 0, NULL },
};

static void
join(struct buf *b, const struct list *l)
{
	buf_reset(b);
	CONF_EACH(char *, s, l)
		buf_addf(b, "%s%s", b->n > 0 ? " " : "", *s);
}

static void
test_routes(void)
{
	const struct route_case	*c;
	struct conf_route	 r;
	struct buf		 why = { 0 }, from = { 0 }, to = { 0 };
	int			 rc;

	for (c = cases; c < cases + nitems(cases); c++) {
		buf_reset(&why);
		rc = conf_route_parse(span_str(c->in), &r, &why);
		if (c->transport == NULL) {
			CHECK(rc == -1 && why.n > 0, "refused: %s", c->in);
			continue;
		}
		if (!CHECK(rc == 0, "understood: %s", c->in))
			continue;
		join(&from, &r.from);
		join(&to, &r.to);
		CHECK(strcmp(buf_cstr(&from), c->from) == 0 &&
		    strcmp(buf_cstr(&to), c->to) == 0 &&
		    r.attempts == c->attempts &&
		    strcmp(r.transport, c->transport) == 0,
		    "as meant: from \"%s\" to \"%s\" %u %s", buf_cstr(&from),
		    buf_cstr(&to), r.attempts, r.transport);
		codec_free(&c_conf_route, &r);
	}
	buf_free(&why);
	buf_free(&from);
	buf_free(&to);
}

static void
transport(struct conf *c, size_t i, const char *name)
{
	struct conf_transport	*t = c->transports.v;

	t[i].name = strdup(name);
	t[i].recipients = 7;
}

static void
test_octets(void)
{
	struct conf	*c = conf_new(), *d;
	struct buf	 b = { .max = CONF_MAX };
	size_t		 i, bad;

	c->transports.v = calloc(2, sizeof(struct conf_transport));
	c->transports.n = 2;
	transport(c, 0, "one");
	transport(c, 1, "two");
	free(c->hostname);
	c->hostname = strdup("a.example");
	CHECK(conf_put(&b, c, ROLE_QUEUED, "") == 0, "written");
	d = conf_get(span_buf(&b));
	CHECK(d != NULL && strcmp(d->hostname, "a.example") == 0 &&
	    d->transports.n == 2 && d->schedule.expire == c->schedule.expire &&
	    conf_transport(d, "TWO") != NULL &&
	    conf_transport(d, "TWO")->recipients == 7 &&
	    strcmp(conf_transport(d, "two")->account, "") == 0,
	    "and read");
	conf_free(d);
	for (i = bad = 0; i < b.n; i++) {
		d = conf_get(span_of(b.p, i));
		bad += d != NULL;
		conf_free(d);
	}
	CHECK(bad == 0, "cut off anywhere it is malformed");
	buf_addc(&b, 0);
	CHECK((d = conf_get(span_buf(&b))) == NULL, "so it is with more");
	conf_free(d);
	buf_reset(&b);
	CHECK(conf_put(&b, c, ROLE_RELAY, "two") == 0 &&
	    (d = conf_get(span_buf(&b))) != NULL && d->transports.n == 1 &&
	    conf_transport(d, "two") != NULL, "a worker gets its transport");
	conf_free(d);
	buf_reset(&b);
	CHECK(conf_put(&b, c, ROLE_RELAY, "default") == 0 &&
	    (d = conf_get(span_buf(&b))) != NULL && d->transports.n == 0,
	    "the one that is there anyway gets none");
	conf_free(d);
	c->nstore = 0;
	buf_reset(&b);
	CHECK(conf_put(&b, c, ROLE_AUTH, "") == 0 &&
	    (d = conf_get(span_buf(&b))) == NULL, "no store is malformed");
	conf_free(c);
	buf_free(&b);
	CHECK(mech_by_name(span_str("scram-sha-256")) == MECH_SCRAM_SHA_256 &&
	    mech_by_name(span_str("scram")) == MECH_COUNT &&
	    mech_by_name(span_str("")) == MECH_COUNT, "mechanisms by name");
}

int
main(void)
{
	test_routes();
	test_octets();
	return (test_done());
}
