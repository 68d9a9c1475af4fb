/*
 * RFC 7208: the evaluation of records, macros, limits and errors, against a zone
 * that is a table.
 */
#include <sys/socket.h>
#include <strings.h>

#include "spf_int.h"
#include "test.h"

static const struct rr {
	const char	*name;
	enum spf_type	 type;
	const char	*data;		/* MX: the host; FAIL: no answer */
} zone[] = {
	/* RFC 7208 appendix A */
	{ "example.com", SPF_MX, "mail-a.example.com" },
	{ "example.com", SPF_MX, "mail-b.example.com" },
	{ "example.com", SPF_A, "192.0.2.10" },
	{ "example.com", SPF_A, "192.0.2.11" },
	{ "amy.example.com", SPF_A, "192.0.2.65" },
	{ "bob.example.com", SPF_A, "192.0.2.66" },
	{ "mail-a.example.com", SPF_A, "192.0.2.129" },
	{ "mail-b.example.com", SPF_A, "192.0.2.130" },
	{ "example.org", SPF_MX, "mail-c.example.org" },
	{ "mail-c.example.org", SPF_A, "192.0.2.140" },
	{ "10.2.0.192.in-addr.arpa", SPF_PTR, "example.com" },
	{ "65.2.0.192.in-addr.arpa", SPF_PTR, "amy.example.com" },
	{ "140.2.0.192.in-addr.arpa", SPF_PTR, "mail-c.example.org" },
	/* says it is of example.com, and is not */
	{ "4.0.0.10.in-addr.arpa", SPF_PTR, "bob.example.com" },
	{ "mobile-users._spf.example.com", SPF_TXT,
	  "v=spf1 exists:%{l1r+}.%{d}" },
	{ "mary.mobile-users._spf.example.com", SPF_A, "127.0.0.2" },
	{ "remote-users._spf.example.com", SPF_TXT,
	  "v=spf1 exists:%{ir}.%{l1r+}.%{d}" },
	{ "15.15.168.192.joel.remote-users._spf.example.com", SPF_A,
	  "127.0.0.2" },
	/* explanations */
	{ "why.example", SPF_TXT, "See http://%{d}/%{S}?ip=%{i} %{c}%_%%" },
	{ "two.why.example", SPF_TXT, "one" },
	{ "two.why.example", SPF_TXT, "two" },
	{ "bad.why.example", SPF_TXT, "%{x}" },
	{ "whyfail.example", SPF_TXT, "v=spf1 -all exp=why.example" },
	{ "redirwhy.example", SPF_TXT, "v=spf1 redirect=whyfail.example" },
	/* records that others refer to */
	{ "pass.example", SPF_TXT, "v=spf1 +all" },
	{ "fail.example", SPF_TXT, "v=spf1 -all" },
	{ "soft.example", SPF_TXT, "v=spf1 ~all" },
	{ "neutral.example", SPF_TXT, "v=spf1 ?all" },
	{ "broken.example", SPF_TXT, "v=spf1 -all nonsense" },
	{ "temp.example", SPF_TXT, "FAIL" },
	{ "none.example", SPF_TXT, "no policy" },
	{ "twice.example", SPF_TXT, "v=spf1 -all" },
	{ "twice.example", SPF_TXT, "v=spf1 +all" },
	{ "loop.example", SPF_TXT, "v=spf1 include:loop.example -all" },
	{ "redirloop.example", SPF_TXT, "v=spf1 redirect=redirloop.example" },
	{ "tempa.example", SPF_A, "FAIL" },
	{ "v6.example", SPF_AAAA, "2001:db8::10" },
	{ "mx11.example", SPF_MX, "m1" }, { "mx11.example", SPF_MX, "m2" },
	{ "mx11.example", SPF_MX, "m3" }, { "mx11.example", SPF_MX, "m4" },
	{ "mx11.example", SPF_MX, "m5" }, { "mx11.example", SPF_MX, "m6" },
	{ "mx11.example", SPF_MX, "m7" }, { "mx11.example", SPF_MX, "m8" },
	{ "mx11.example", SPF_MX, "m9" }, { "mx11.example", SPF_MX, "m10" },
	{ "mx11.example", SPF_MX, "m11" },
	{ "a1.example", SPF_A, "198.51.100.1" },
};

static const struct test {
	const char	*what, *ip, *sender, *record;
	enum spf_result	 want;
	const char	*explanation;
} tests[] = {
#define EX	"user@example.com"
	/* appendix A.1 */
	{ "A.1 +all", "192.0.2.129", EX, "v=spf1 +all", SPF_PASS, "" },
	{ "A.1 a", "192.0.2.10", EX, "v=spf1 a -all", SPF_PASS, "" },
	{ "A.1 a", "192.0.2.129", EX, "v=spf1 a -all", SPF_FAIL, "" },
	{ "A.1 a:", "192.0.2.10", EX, "v=spf1 a:example.org -all", SPF_FAIL,
	  "" },
	{ "A.1 mx", "192.0.2.129", EX, "v=spf1 mx -all", SPF_PASS, "" },
	{ "A.1 mx", "192.0.2.140", EX, "v=spf1 mx -all", SPF_FAIL, "" },
	{ "A.1 mx:", "192.0.2.140", EX, "v=spf1 mx:example.org -all",
	  SPF_PASS, "" },
	{ "A.1 mx mx:", "192.0.2.140", EX, "v=spf1 mx mx:example.org -all",
	  SPF_PASS, "" },
	{ "A.1 mx/30", "192.0.2.131", EX,
	  "v=spf1 mx/30 mx:example.org/30 -all", SPF_PASS, "" },
	{ "A.1 mx:/30", "192.0.2.143", EX,
	  "v=spf1 mx/30 mx:example.org/30 -all", SPF_PASS, "" },
	{ "A.1 mx/30", "192.0.2.132", EX,
	  "v=spf1 mx/30 mx:example.org/30 -all", SPF_FAIL, "" },
	{ "A.1 ptr", "192.0.2.65", EX, "v=spf1 ptr -all", SPF_PASS, "" },
	{ "A.1 ptr", "192.0.2.140", EX, "v=spf1 ptr -all", SPF_FAIL, "" },
	{ "A.1 ptr that lies", "10.0.0.4", EX, "v=spf1 ptr -all", SPF_FAIL,
	  "" },
	{ "A.1 ip4", "192.0.2.129", EX, "v=spf1 ip4:192.0.2.128/28 -all",
	  SPF_PASS, "" },
	{ "A.1 ip4", "192.0.2.65", EX, "v=spf1 ip4:192.0.2.128/28 -all",
	  SPF_FAIL, "" },
	/* appendix A.4 */
	{ "A.4 mobile", "10.1.1.1", "mary@example.com",
	  "v=spf1 mx include:mobile-users._spf.%{d} -all", SPF_PASS, "" },
	{ "A.4 mobile", "10.1.1.1", "fred@example.com",
	  "v=spf1 mx include:mobile-users._spf.%{d} -all", SPF_FAIL, "" },
	{ "A.4 remote", "192.168.15.15", "joel@example.com",
	  "v=spf1 mx include:mobile-users._spf.%{d} "
	  "include:remote-users._spf.%{d} -all", SPF_PASS, "" },
	/* qualifiers, the end */
	{ "softfail", "10.0.0.1", EX, "v=spf1 ~all", SPF_SOFTFAIL, "" },
	{ "neutral", "10.0.0.1", EX, "v=spf1 ?all", SPF_NEUTRAL, "" },
	{ "nothing matches", "10.0.0.1", EX, "v=spf1 ip4:10.0.0.2",
	  SPF_NEUTRAL, "" },
	{ "an empty record", "10.0.0.1", EX, "v=spf1", SPF_NEUTRAL, "" },
	{ "letters of any case", "10.0.0.1", EX, "V=SPF1 IP4:10.0.0.1 -ALL",
	  SPF_PASS, "" },
	{ "blanks", "10.0.0.1", EX, "v=spf1   ip4:10.0.0.1   -all  ",
	  SPF_PASS, "" },
	{ "terms behind all", "10.0.0.1", EX, "v=spf1 -all ip4:10.0.0.1",
	  SPF_FAIL, "" },
	/* networks */
	{ "ip4 without a length", "10.0.0.1", EX, "v=spf1 ip4:10.0.0.1 -all",
	  SPF_PASS, "" },
	{ "ip4/0", "10.0.0.1", EX, "v=spf1 ip4:1.2.3.4/0 -all", SPF_PASS,
	  "" },
	{ "ip4/33", "10.0.0.1", EX, "v=spf1 ip4:1.2.3.4/33 -all",
	  SPF_PERMERROR, "" },
	{ "ip4/032", "10.0.0.1", EX, "v=spf1 ip4:1.2.3.4/032 -all",
	  SPF_PERMERROR, "" },
	{ "ip4/", "10.0.0.1", EX, "v=spf1 ip4:1.2.3.4/ -all", SPF_PERMERROR,
	  "" },
	{ "ip4 of three parts", "10.0.0.1", EX, "v=spf1 ip4:1.2.3 -all",
	  SPF_PERMERROR, "" },
	{ "ip4 without an address", "10.0.0.1", EX, "v=spf1 ip4 -all",
	  SPF_PERMERROR, "" },
	{ "ip6", "2001:db8::1", EX, "v=spf1 ip6:2001:db8::/32 -all", SPF_PASS,
	  "" },
	{ "ip6/129", "2001:db8::1", EX, "v=spf1 ip6:2001:db8::/129 -all",
	  SPF_PERMERROR, "" },
	{ "ip6 with an IPv4 sender", "10.0.0.1", EX,
	  "v=spf1 ip6:2001:db8::/32 -all", SPF_FAIL, "" },
	{ "ip4 in ip6", "10.0.0.1", EX, "v=spf1 ip6:10.0.0.1 -all",
	  SPF_PERMERROR, "" },
	{ "a with two lengths", "2001:db8::ff", EX,
	  "v=spf1 a:v6.example/24//64 -all", SPF_PASS, "" },
	{ "a//128", "2001:db8::ff", EX, "v=spf1 a:v6.example//128 -all",
	  SPF_FAIL, "" },
	{ "a/0", "10.9.9.9", EX, "v=spf1 a:a1.example/0 -all", SPF_PASS, "" },
	{ "a/33", "10.9.9.9", EX, "v=spf1 a:a1.example/33 -all",
	  SPF_PERMERROR, "" },
	{ "a///", "10.9.9.9", EX, "v=spf1 a:a1.example///64 -all",
	  SPF_PERMERROR, "" },
	/* include, section 5.2 */
	{ "include: pass", "10.0.0.1", EX, "v=spf1 include:pass.example -all",
	  SPF_PASS, "" },
	{ "include: fail", "10.0.0.1", EX, "v=spf1 include:fail.example ?all",
	  SPF_NEUTRAL, "" },
	{ "include: softfail", "10.0.0.1", EX,
	  "v=spf1 include:soft.example -all", SPF_FAIL, "" },
	{ "include: neutral", "10.0.0.1", EX,
	  "v=spf1 include:neutral.example -all", SPF_FAIL, "" },
	{ "include: temperror", "10.0.0.1", EX,
	  "v=spf1 include:temp.example -all", SPF_TEMPERROR, "" },
	{ "include: permerror", "10.0.0.1", EX,
	  "v=spf1 include:broken.example -all", SPF_PERMERROR, "" },
	{ "include: none", "10.0.0.1", EX,
	  "v=spf1 include:none.example -all", SPF_PERMERROR, "" },
	{ "-include", "10.0.0.1", EX, "v=spf1 -include:pass.example +all",
	  SPF_FAIL, "" },
	{ "include of itself", "10.0.0.1", EX,
	  "v=spf1 include:loop.example -all", SPF_PERMERROR, "" },
	{ "include without a domain", "10.0.0.1", EX, "v=spf1 include -all",
	  SPF_PERMERROR, "" },
	{ "include with a length", "10.0.0.1", EX,
	  "v=spf1 include:pass.example/24 -all", SPF_PERMERROR, "" },
	/* redirect, section 6.1 */
	{ "redirect", "10.0.0.1", EX, "v=spf1 redirect=fail.example",
	  SPF_FAIL, "" },
	{ "redirect before a match", "10.0.0.1", EX,
	  "v=spf1 redirect=fail.example ip4:10.0.0.1", SPF_PASS, "" },
	{ "redirect and all", "10.0.0.1", EX,
	  "v=spf1 ?all redirect=fail.example", SPF_NEUTRAL, "" },
	{ "redirect to none", "10.0.0.1", EX, "v=spf1 redirect=none.example",
	  SPF_PERMERROR, "" },
	{ "redirect for ever", "10.0.0.1", EX,
	  "v=spf1 redirect=redirloop.example", SPF_PERMERROR, "" },
	{ "redirect twice", "10.0.0.1", EX,
	  "v=spf1 redirect=pass.example redirect=fail.example",
	  SPF_PERMERROR, "" },
	/* errors */
	{ "an unknown mechanism", "10.0.0.1", EX, "v=spf1 foo -all",
	  SPF_PERMERROR, "" },
	{ "behind a match too", "10.0.0.1", EX, "v=spf1 +all foo",
	  SPF_PERMERROR, "" },
	{ "an unknown modifier", "10.0.0.1", EX, "v=spf1 foo=bar -all",
	  SPF_FAIL, "" },
	{ "all with an argument", "10.0.0.1", EX, "v=spf1 all:x.example",
	  SPF_PERMERROR, "" },
	{ "a qualifier alone", "10.0.0.1", EX, "v=spf1 - -all",
	  SPF_PERMERROR, "" },
	{ "no answer for a", "10.0.0.1", EX, "v=spf1 a:tempa.example -all",
	  SPF_TEMPERROR, "" },
	{ "another version", "10.0.0.1", EX, "v=spf10 -all", SPF_NONE, "" },
	{ "no policy", "10.0.0.1", "x@none.example", "", SPF_NONE, "" },
	{ "two records", "10.0.0.1", "x@twice.example", "", SPF_PERMERROR,
	  "" },
	{ "no answer", "10.0.0.1", "x@temp.example", "", SPF_TEMPERROR, "" },
	{ "a single label", "10.0.0.1", "x@localhost", "", SPF_NONE, "" },
	{ "a literal", "10.0.0.1", "x@[10.0.0.1]", "", SPF_NONE, "" },
	/* limits, section 4.6.4 */
	{ "ten terms", "10.0.0.1", EX, "v=spf1 a:a1.example a:a1.example "
	  "a:a1.example a:a1.example a:a1.example a:a1.example a:a1.example "
	  "a:a1.example a:a1.example a:a1.example +all", SPF_PASS, "" },
	{ "eleven terms", "10.0.0.1", EX, "v=spf1 a:a1.example a:a1.example "
	  "a:a1.example a:a1.example a:a1.example a:a1.example a:a1.example "
	  "a:a1.example a:a1.example a:a1.example a:a1.example +all",
	  SPF_PERMERROR, "" },
	{ "two void questions", "10.0.0.1", EX,
	  "v=spf1 a:v1.example a:v2.example +all", SPF_PASS, "" },
	{ "three void questions", "10.0.0.1", EX,
	  "v=spf1 a:v1.example a:v2.example a:v3.example +all",
	  SPF_PERMERROR, "" },
	{ "eleven MX", "10.0.0.1", EX, "v=spf1 mx:mx11.example +all",
	  SPF_PERMERROR, "" },
	/* explanations, section 6.2 */
	{ "exp", "192.0.2.200", EX, "v=spf1 -all exp=why.example", SPF_FAIL,
	  "See http://example.com/user%40example.com?ip=192.0.2.200 "
	  "192.0.2.200 %" },
	{ "exp without a fail", "192.0.2.200", EX,
	  "v=spf1 ~all exp=why.example", SPF_SOFTFAIL, "" },
	{ "exp of two texts", "192.0.2.200", EX,
	  "v=spf1 -all exp=two.why.example", SPF_FAIL, "" },
	{ "exp that is malformed", "192.0.2.200", EX,
	  "v=spf1 -all exp=bad.why.example", SPF_FAIL, "" },
	{ "exp that is not there", "192.0.2.200", EX,
	  "v=spf1 -all exp=no.why.example", SPF_FAIL, "" },
	{ "exp of a redirect", "192.0.2.200", EX,
	  "v=spf1 redirect=whyfail.example", SPF_FAIL,
	  "See http://whyfail.example/user%40example.com?ip=192.0.2.200 "
	  "192.0.2.200 %" },
	{ "exp of an include", "192.0.2.200", EX,
	  "v=spf1 include:whyfail.example -all", SPF_FAIL, "" },
	{ "exp of a redirect in an include", "192.0.2.200", EX,
	  "v=spf1 include:redirwhy.example -all", SPF_FAIL, "" },
	{ "exp twice", "192.0.2.200", EX,
	  "v=spf1 -all exp=why.example exp=why.example", SPF_PERMERROR, "" },
	{ "exp= of nothing", "192.0.2.200", EX, "v=spf1 -all exp=",
	  SPF_PERMERROR, "" },
};

/* RFC 7208 section 7.4, with 192.0.2.3 and 2001:db8::cb01. */
static const struct {
	const char	*in, *v4, *v6;
} macros[] = {
	{ "%{s}", "strong-bad@email.example.com",
	  "strong-bad@email.example.com" },
	{ "%{o}", "email.example.com", "email.example.com" },
	{ "%{d}", "email.example.com", "email.example.com" },
	{ "%{d4}", "email.example.com", "email.example.com" },
	{ "%{d3}", "email.example.com", "email.example.com" },
	{ "%{d2}", "example.com", "example.com" },
	{ "%{d1}", "com", "com" },
	{ "%{dr}", "com.example.email", "com.example.email" },
	{ "%{d2r}", "example.email", "example.email" },
	{ "%{l}", "strong-bad", "strong-bad" },
	{ "%{l-}", "strong.bad", "strong.bad" },
	{ "%{lr}", "strong-bad", "strong-bad" },
	{ "%{lr-}", "bad.strong", "bad.strong" },
	{ "%{l1r-}", "strong", "strong" },
	{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com",
	  "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
	  "ip6._spf.example.com" },
	{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com",
	  "bad.strong.lp._spf.example.com" },
	{ "%{d2}.trusted-domains.example.net",
	  "example.com.trusted-domains.example.net",
	  "example.com.trusted-domains.example.net" },
	{ "%{h}%%%_%-", "mx.example.org% %20", "mx.example.org% %20" },
};

static void
put(struct buf *b, enum spf_type type, const char *data)
{
	struct dns_addr	 a;

	if (type == SPF_TXT) {
		while (strlen(data) > 255) {	/* in pieces */
			buf_put_u8(b, 255);
			buf_add(b, data, 255);
			data += 255;
		}
		buf_put_u8(b, (uint8_t)strlen(data));
		buf_adds(b, data);
	} else if (type == SPF_A || type == SPF_AAAA) {
		(void)dns_addr_parse(span_str(data), &a);
		buf_add(b, a.octets, type == SPF_A ? 4 : 16);
	} else {
		if (type == SPF_MX)
			buf_put_u16(b, 10);
		(void)dns_name_put(b, span_str(data));
	}
}

static void
answer(struct spf *s, const struct spf_question *q, const char *record)
{
	struct buf	 b[20];
	struct span	 v[20];
	size_t		 i, n = 0;
	int		 own = record[0] != '\0' && q->type == SPF_TXT &&
			    strcasecmp(q->name, "example.com") == 0;

	memset(b, 0, sizeof(b));
	if (own)
		put(&b[n++], SPF_TXT, record);
	for (i = 0; i < nitems(zone); i++) {
		if (own || zone[i].type != q->type ||
		    strcasecmp(zone[i].name, q->name) != 0)
			continue;
		if (strcmp(zone[i].data, "FAIL") == 0) {
			spf_answer(s, SPF_FAILED, NULL, 0);
			return;
		}
		put(&b[n++], zone[i].type, zone[i].data);
	}
	for (i = 0; i < n; i++)
		v[i] = span_buf(&b[i]);
	spf_answer(s, n > 0 ? SPF_FOUND : SPF_NOTHING, v, n);
	for (i = 0; i < n; i++)
		buf_free(&b[i]);
}

static void
one(const struct test *t)
{
	struct spf_question	 q;
	struct dns_addr		 ip;
	struct spf		*s;
	int			 asked = 0;

	(void)dns_addr_parse(span_str(t->ip), &ip);
	s = spf_new(&ip, "mx.example.org", t->sender, "us.example");
	while (spf_step(s, &q) == SPF_ASK && ++asked < 300)
		answer(s, &q, t->record);
	if (!CHECK(spf_result(s) == t->want && asked < 300, "%s", t->what))
		printf("# %s: %s\n", spf_result_names[spf_result(s)],
		    spf_reason(s));
	CHECK(strcmp(spf_explanation(s), t->explanation) == 0,
	    "%s: explanation", t->what);
	CHECK(spf_reason(s)[0] != '\0', "%s: why", t->what);
	CHECK(spf_step(s, &q) == SPF_DONE, "%s: done", t->what);
	spf_free(s);
}

static void
null_sender(void)
{
	struct spf_question	 q;
	struct dns_addr		 ip;
	struct spf		*s;

	(void)dns_addr_parse(span_str("192.0.2.129"), &ip);
	s = spf_new(&ip, "example.com", "", "us");
	while (spf_step(s, &q) == SPF_ASK)
		answer(s, &q, "v=spf1 exists:%{l}.%{o}.x mx -all");
	CHECK(spf_result(s) == SPF_PASS, "the null reverse-path is HELO's");
	spf_free(s);
	s = spf_new(&ip, "mail.example.org", "@example.com", "us");
	while (spf_step(s, &q) == SPF_ASK)
		answer(s, &q, "v=spf1 mx -all");
	CHECK(spf_result(s) == SPF_PASS, "no local part");
	spf_free(s);
}

static void
expand(void)
{
	struct spf_who	 w = { .helo = "mx.example.org", .receiver = "us",
			    .validated = "unknown" };
	struct buf	 b = { 0 };
	size_t		 i;

	w.local = span_str("strong-bad");
	w.domain = span_str("email.example.com");
	for (i = 0; i < nitems(macros); i++) {
		(void)dns_addr_parse(span_str("192.0.2.3"), &w.ip);
		buf_reset(&b);
		(void)spf_macro_expand(span_str(macros[i].in), &w,
		    "email.example.com", 0, &b);
		if (!CHECK(span_eqs(span_buf(&b), macros[i].v4), "%s",
		    macros[i].in))
			printf("# %s\n", buf_cstr(&b));
		(void)dns_addr_parse(span_str("2001:db8::cb01"), &w.ip);
		buf_reset(&b);
		(void)spf_macro_expand(span_str(macros[i].in), &w,
		    "email.example.com", 0, &b);
		if (!CHECK(span_eqs(span_buf(&b), macros[i].v6), "%s, IPv6",
		    macros[i].in))
			printf("# %s\n", buf_cstr(&b));
	}
	buf_free(&b);
}

static void
valid(void)
{
	static const struct { const char *s; int spec, exp; } v[] = {
		{ "example.org", 1, 1 }, { "example.org.", 1, 1 },
		{ "%{d}", 1, 1 }, { "%{d", 0, 0 }, { "%{x}", 0, 0 },
		{ "%{c}", 0, 1 }, { "%{r}.x.org", 0, 1 }, { "%", 0, 0 },
		{ "%a", 0, 0 }, { "%{d0}", 0, 0 }, { "%{d12r-+}", 1, 1 },
		{ "example", 0, 1 }, { "a.123", 0, 1 }, { "a.-b", 0, 1 },
		{ "a b.org", 0, 1 }, { "%%.org", 1, 1 }, { "", 0, 1 },
		{ "x.%{d}", 1, 1 }, { "%{d}x", 0, 1 }, { "%{d}.x", 1, 1 },
	};
	static const struct { const char *s; int rc; } records[] = {
		{ "v=spf1 mx -all", 0 }, { "v=spf1", 0 }, { "v=spf2 -all", 1 },
		{ "hello", 1 }, { "v=spf1 mx: -all", -1 },
		{ "v=spf1 exp=a.example exp=b.example", -1 },
	};
	struct buf	 why = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(v); i++) {
		CHECK(spf_macro_valid(span_str(v[i].s), 0) == v[i].spec,
		    "domain-spec \"%s\"", v[i].s);
		CHECK(spf_macro_valid(span_str(v[i].s), 1) == v[i].exp,
		    "explanation \"%s\"", v[i].s);
	}
	for (i = 0; i < nitems(records); i++) {
		buf_reset(&why);
		CHECK(spf_check_record(span_str(records[i].s), &why) ==
		    records[i].rc && (why.n > 0) == (records[i].rc == -1),
		    "record \"%s\"", records[i].s);
	}
	buf_free(&why);
}

int
main(void)
{
	size_t	 i;

	for (i = 0; i < nitems(tests); i++)
		one(&tests[i]);
	null_sender();
	expand();
	valid();
	return (test_done());
}
