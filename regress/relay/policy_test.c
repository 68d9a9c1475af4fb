/* Where a relay worker goes and under which TLS: queued/relay_policy. */
#include <arpa/inet.h>

#include "queued/relay_policy.h"
#include "test.h"

/* Nothing by lot: the first of n, or the last. */
static uint32_t	 lot;

static uint32_t
fixed(uint32_t below)
{
	return (lot < below ? lot : below - 1);
}

/* Appendix A.5 of the behaviour, MTA-STS apart: who, what the transport says, what DNS says,
 * REQUIRETLS; then what becomes of it. */
static const struct tls_case {
	const char	*name;
	int		 kind, tls, verify, dane, requiretls;
	int		 rc, mode, want_verify, want_dane, fallback;
} tls_cases[] = {
#define DIRECT	TRANSPORT_DIRECT, TLS_OPTIONAL, 0
#define SOCKS	TRANSPORT_SOCKS, TLS_OPTIONAL, 0
#define GO	RELAY_TLS_GO
#define WEAK	RELAY_TLS_WEAK
#define SKIP	RELAY_TLS_SKIP
#define OTHER	RELAY_TLS_OTHER
#define NONE	RELAY_DANE_NONE
#define USABLE	RELAY_DANE_USABLE
#define UNUSABLE RELAY_DANE_UNUSABLE
#define FAILED	RELAY_DANE_FAILED
	{ "direct", DIRECT, NONE, 0, GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "direct, REQUIRETLS", DIRECT, NONE, 1, WEAK, TLS_OPTIONAL, 0, 0, 1 },
	{ "direct, DANE", DIRECT, USABLE, 0, GO, TLS_REQUIRED, 0, 1, 0 },
	{ "direct, DANE, REQUIRETLS", DIRECT, USABLE, 1,
	    GO, TLS_REQUIRED, 0, 1, 0 },
	{ "direct, unusable", DIRECT, UNUSABLE, 0, GO, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, unusable, REQUIRETLS", DIRECT, UNUSABLE, 1,
	    WEAK, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, no answer", DIRECT, FAILED, 0, SKIP, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, no answer, REQUIRETLS", DIRECT, FAILED, 1,
	    SKIP, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, TLS-Required: No", DIRECT, NONE, REQUIRETLS_NO,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "direct, DANE, TLS-Required: No", DIRECT, USABLE, REQUIRETLS_NO,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "direct, no answer, TLS-Required: No", DIRECT, FAILED, REQUIRETLS_NO,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "smtp, TLS-Required: No", TRANSPORT_SMTP, TLS_REQUIRED, 1, NONE,
	    REQUIRETLS_NO, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "socks", SOCKS, NONE, 0, GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "socks, REQUIRETLS", SOCKS, NONE, 1, WEAK, TLS_OPTIONAL, 0, 0, 1 },
	{ "socks, DANE", SOCKS, USABLE, 0, GO, TLS_REQUIRED, 0, 1, 0 },
	{ "socks, unusable", SOCKS, UNUSABLE, 0, GO, TLS_REQUIRED, 0, 0, 0 },
	{ "socks, no answer", SOCKS, FAILED, 0, SKIP, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, off", TRANSPORT_DIRECT, TLS_OFF, 0, USABLE, 0,
	    GO, TLS_OFF, 0, 0, 0 },
	{ "direct, off, REQUIRETLS", TRANSPORT_DIRECT, TLS_OFF, 0, USABLE, 1,
	    WEAK, TLS_OFF, 0, 0, 0 },
	{ "direct, required", TRANSPORT_DIRECT, TLS_REQUIRED, 0, NONE, 0,
	    GO, TLS_REQUIRED, 0, 0, 0 },
	{ "direct, required, REQUIRETLS", TRANSPORT_DIRECT, TLS_REQUIRED, 0,
	    NONE, 1, WEAK, TLS_REQUIRED, 0, 0, 0 },
	{ "direct does not verify", TRANSPORT_DIRECT, TLS_REQUIRED, 1, NONE, 0,
	    GO, TLS_REQUIRED, 0, 0, 0 },
	{ "smtp, optional", TRANSPORT_SMTP, TLS_OPTIONAL, 0, NONE, 0,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "smtp, required", TRANSPORT_SMTP, TLS_REQUIRED, 1, NONE, 0,
	    GO, TLS_REQUIRED, 1, 0, 0 },
	{ "smtp, required, REQUIRETLS", TRANSPORT_SMTP, TLS_REQUIRED, 1, NONE,
	    1, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "smtp has no DANE", TRANSPORT_SMTP, TLS_REQUIRED, 1, FAILED, 0,
	    GO, TLS_REQUIRED, 1, 0, 0 },
	{ "smtp, not verified", TRANSPORT_SMTP, TLS_REQUIRED, 0, NONE, 0,
	    GO, TLS_REQUIRED, 0, 0, 0 },
	{ "smtp, not verified, REQUIRETLS", TRANSPORT_SMTP, TLS_REQUIRED, 0,
	    NONE, 1, WEAK, TLS_REQUIRED, 0, 0, 0 },
	{ "smtp, off, REQUIRETLS", TRANSPORT_SMTP, TLS_OFF, 0, NONE, 1,
	    WEAK, TLS_OFF, 0, 0, 0 },
	{ "submission", TRANSPORT_SUBMISSION, TLS_REQUIRED, 1, NONE, 0,
	    GO, TLS_REQUIRED, 1, 0, 0 },
	{ "submission, REQUIRETLS", TRANSPORT_SUBMISSION, TLS_REQUIRED, 1,
	    NONE, 1, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "submission, TLS-Required: No", TRANSPORT_SUBMISSION, TLS_REQUIRED,
	    1, NONE, REQUIRETLS_NO, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "submission has no DANE", TRANSPORT_SUBMISSION, TLS_REQUIRED, 1,
	    USABLE, 0, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "submission, not verified", TRANSPORT_SUBMISSION, TLS_REQUIRED, 0,
	    NONE, 0, GO, TLS_REQUIRED, 0, 0, 0 },
	{ "submission, not verified, REQUIRETLS", TRANSPORT_SUBMISSION,
	    TLS_REQUIRED, 0, NONE, 1, WEAK, TLS_REQUIRED, 0, 0, 0 },
	{ "submission, off", TRANSPORT_SUBMISSION, TLS_OFF, 0, NONE, 0,
	    GO, TLS_OFF, 0, 0, 0 },
	{ "submission, off, REQUIRETLS", TRANSPORT_SUBMISSION, TLS_OFF, 0,
	    NONE, 1, WEAK, TLS_OFF, 0, 0, 0 },
	{ "submissions", TRANSPORT_SUBMISSIONS, TLS_IMPLICIT, 1, NONE, 0,
	    GO, TLS_IMPLICIT, 1, 0, 0 },
	{ "submission, not verified, REQUIRETLS", TRANSPORT_SUBMISSION,
	    TLS_REQUIRED, 0, NONE, 1, WEAK, TLS_REQUIRED, 0, 0, 0 },
	{ "submission, off, REQUIRETLS", TRANSPORT_SUBMISSION, TLS_OFF, 0,
	    NONE, 1, WEAK, TLS_OFF, 0, 0, 0 },
	{ "submission, off", TRANSPORT_SUBMISSION, TLS_OFF, 0, NONE, 0,
	    GO, TLS_OFF, 0, 0, 0 },
	{ "submission, TLS-Required: No", TRANSPORT_SUBMISSION, TLS_REQUIRED,
	    1, NONE, REQUIRETLS_NO, GO, TLS_REQUIRED, 1, 0, 0 },
	{ "submissions, not verified, REQUIRETLS", TRANSPORT_SUBMISSIONS,
	    TLS_IMPLICIT, 0, NONE, 1, WEAK, TLS_IMPLICIT, 0, 0, 0 },
	{ "submissions", TRANSPORT_SUBMISSIONS, TLS_IMPLICIT, 1, NONE, 0,
	    GO, TLS_IMPLICIT, 1, 0, 0 },
	{ "socks, DANE, REQUIRETLS", SOCKS, USABLE, 1,
	    GO, TLS_REQUIRED, 0, 1, 0 },
	{ "socks, DANE, TLS-Required: No", SOCKS, USABLE, REQUIRETLS_NO,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	{ "submissions, REQUIRETLS", TRANSPORT_SUBMISSIONS, TLS_IMPLICIT, 1,
	    NONE, 1, GO, TLS_IMPLICIT, 1, 0, 0 },
	{ "submissions, not verified", TRANSPORT_SUBMISSIONS, TLS_IMPLICIT, 0,
	    NONE, 0, GO, TLS_IMPLICIT, 0, 0, 0 },
	{ "submissions, not verified, REQUIRETLS", TRANSPORT_SUBMISSIONS,
	    TLS_IMPLICIT, 0, NONE, 1, WEAK, TLS_IMPLICIT, 0, 0, 0 },
};

static const struct sts_case {
	struct tls_case	 c;
	enum relay_sts	 sts;
} sts_cases[] = {
	{ { "direct, testing", DIRECT, NONE, 0, GO, TLS_OPTIONAL, 0, 0, 1 },
	    RELAY_STS_TESTING },
	{ { "direct, testing, REQUIRETLS", DIRECT, NONE, 1,
	    WEAK, TLS_OPTIONAL, 0, 0, 1 },
	    RELAY_STS_TESTING },
	{ { "direct, enforce", DIRECT, NONE, 0, GO, TLS_REQUIRED, 1, 0, 0 },
	    RELAY_STS_ENFORCE },
	{ { "direct, enforce, REQUIRETLS", DIRECT, NONE, 1,
	    GO, TLS_REQUIRED, 1, 0, 0 },
	    RELAY_STS_ENFORCE },
	{ { "direct, DANE and enforce", DIRECT, USABLE, 0,
	    GO, TLS_REQUIRED, 1, 1, 0 },
	    RELAY_STS_ENFORCE },
	{ { "direct, unusable and enforce", DIRECT, UNUSABLE, 1,
	    GO, TLS_REQUIRED, 1, 0, 0 },
	    RELAY_STS_ENFORCE },
	{ { "direct, no answer about TLSA, enforce", DIRECT, FAILED, 0,
	    SKIP, TLS_REQUIRED, 1, 0, 0 },
	    RELAY_STS_ENFORCE },
	{ { "direct, another host", DIRECT, NONE, 0,
	    OTHER, TLS_OPTIONAL, 0, 0, 1 },
	    RELAY_STS_OTHER },
	{ { "direct, another host, DANE", DIRECT, USABLE, 0,
	    OTHER, TLS_REQUIRED, 0, 1, 0 },
	    RELAY_STS_OTHER },
	{ { "direct, enforce, TLS-Required: No", DIRECT, NONE, REQUIRETLS_NO,
	    GO, TLS_OPTIONAL, 0, 0, 1 },
	    RELAY_STS_ENFORCE },
	{ { "direct, another host, TLS-Required: No", DIRECT, NONE,
	    REQUIRETLS_NO, GO, TLS_OPTIONAL, 0, 0, 1 },
	    RELAY_STS_OTHER },
	{ { "socks, enforce", SOCKS, NONE, 0, GO, TLS_REQUIRED, 1, 0, 0 },
	    RELAY_STS_ENFORCE },
	{ { "smtp has no MTA-STS", TRANSPORT_SMTP, TLS_REQUIRED, 0, NONE, 0,
	    GO, TLS_REQUIRED, 0, 0, 0 },
	    RELAY_STS_OTHER },
	{ { "direct, off, enforce", TRANSPORT_DIRECT, TLS_OFF, 0, NONE, 0,
	    GO, TLS_OFF, 0, 0, 0 },
	    RELAY_STS_ENFORCE },
};

static const struct dane_case {
	const char	*name;
	int		 status, secure;
	size_t		 usable;
	enum relay_dane	 want;
} dane_cases[] = {
	{ "usable", DNS_OK, 1, 1, USABLE },
	{ "unusable", DNS_OK, 1, 0, UNUSABLE },
	{ "insecure", DNS_OK, 0, 1, NONE },
	{ "none", DNS_NODATA, 1, 0, NONE },
	{ "no such name", DNS_NXDOMAIN, 1, 0, NONE },
	{ "no answer", DNS_TEMPFAIL, 0, 0, FAILED },
	{ "bogus", DNS_BOGUS, 0, 0, FAILED },
};

static void
test_dane(void)
{
	struct msg_dns_answer	 a = { 0 };
	enum relay_dane		 got;
	size_t			 i;

	for (i = 0; i < nitems(dane_cases); i++) {
		a.status = (uint8_t)dane_cases[i].status;
		a.secure = (uint8_t)dane_cases[i].secure;
		got = relay_dane(&a, dane_cases[i].usable);
		CHECK(got == dane_cases[i].want, "TLSA: %s: %d",
		    dane_cases[i].name, (int)got);
	}
}

#define RR_MAX	4

static const struct mx_case {
	const char	*name;
	int		 status;
	const char	*canonical;
	struct { unsigned preference; const char *host; } rr[RR_MAX];
	const char	*want;		/* hosts, or the enhanced code */
	enum result	 result;	/* when there are none */
} mx_cases[] = {
	{ "in order", DNS_OK, "d", { { 20, "b" }, { 10, "a" }, { 30, "c" } },
	    "a b c", RESULT_OK },
	{ "null MX", DNS_OK, "d", { { 0, "." } }, "5.1.10", RESULT_NO },
	{ "null MX beside others", DNS_OK, "d", { { 0, "." }, { 10, "a" } },
	    "a", RESULT_OK },
	{ "none", DNS_NODATA, "d", { { 0, NULL } }, "d", RESULT_OK },
	{ "none behind a CNAME", DNS_NODATA, "e.f", { { 0, NULL } }, "e.f",
	    RESULT_OK },
	{ "none, no canonical name", DNS_NODATA, "", { { 0, NULL } }, "d",
	    RESULT_OK },
	{ "no domain", DNS_NXDOMAIN, "d", { { 0, NULL } }, "5.1.2", RESULT_NO },
	{ "no answer", DNS_TEMPFAIL, "d", { { 0, NULL } }, "4.4.3",
	    RESULT_TEMP },
	{ "bogus", DNS_BOGUS, "d", { { 0, NULL } }, "4.4.3", RESULT_TEMP },
	{ "nothing usable", DNS_OK, "d", { { 10, "*" } }, "4.4.4",
	    RESULT_TEMP },
	{ "we are the backup", DNS_OK, "d",
	    { { 10, "a" }, { 20, "US" }, { 20, "b" }, { 30, "c" } }, "a",
	    RESULT_OK },
	{ "we are the best", DNS_OK, "d", { { 10, "us" }, { 20, "a" } },
	    "5.4.6", RESULT_NO },
	{ "among the best", DNS_OK, "d", { { 10, "us" }, { 10, "a" } },
	    "5.4.6", RESULT_NO },
};

static const struct candidate_case {
	const char	*name;
	const char	*hosts[3];	/* addresses, with spaces between */
	int		 no4, no6, private;
	uint32_t	 lot;
	const char	*want;
	unsigned	 refused;
} candidate_cases[] = {
	{ "one", { "192.0.2.1" }, 0, 0, 1, 0, "192.0.2.1", 0 },
	{ "families in turn, six first", { "192.0.2.1 192.0.2.2 192.0.2.3 "
	    "2001:db8::1 2001:db8::2" }, 0, 0, 1, 0,
	    "2001:db8::1 192.0.2.2 2001:db8::2 192.0.2.3 192.0.2.1", 0 },
	{ "four first", { "192.0.2.1 2001:db8::1" }, 0, 0, 1, 1,
	    "192.0.2.1 2001:db8::1", 0 },
	{ "five at most", { "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 "
	    "192.0.2.5 192.0.2.6 192.0.2.7" }, 0, 0, 1, 7,
	    "192.0.2.1 192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5", 0 },
	{ "two of each host", { "192.0.2.1 192.0.2.2 192.0.2.3",
	    "192.0.2.4", "192.0.2.5 2001:db8::1" }, 0, 0, 1, 7,
	    "192.0.2.1 192.0.2.2 192.0.2.4 192.0.2.5 2001:db8::1", 0 },
	{ "each once", { "192.0.2.1", "192.0.2.1 192.0.2.2" }, 0, 0, 1, 7,
	    "192.0.2.1 192.0.2.2", 0 },
	{ "no-ipv4", { "192.0.2.1 2001:db8::1" }, 1, 0, 1, 7, "2001:db8::1",
	    0 },
	{ "no-ipv6", { "192.0.2.1 2001:db8::1" }, 0, 1, 1, 7, "192.0.2.1", 0 },
	{ "not public", { "127.0.0.1 10.0.0.1 ::1 ::ffff:127.0.0.1 fe80::1 "
	    "0.0.0.0 64:ff9b::7f00:1", "8.8.8.8" }, 0, 0, 0, 7, "8.8.8.8", 7 },
	{ "nothing", { "" }, 0, 0, 1, 0, "", 0 },
};

static void
test_policy(const struct tls_case *c, enum relay_sts sts)
{
	struct conf_transport	 t = { 0 };
	struct relay_tls	 p;
	int			 rc;

	t.kind = (uint8_t)c->kind;
	t.tls = (uint8_t)c->tls;
	t.verify = (uint8_t)c->verify;
	rc = (int)relay_tls_policy(&t, (enum relay_dane)c->dane, sts,
	    c->requiretls, &p);
	CHECK(rc == c->rc && (int)p.mode == c->mode &&
	    p.verify == c->want_verify && p.dane == c->want_dane &&
	    p.fallback == c->fallback,
	    "%s: %d, mode %d, verify %d, dane %d, fallback %d",
	    c->name, rc, (int)p.mode, p.verify, p.dane, p.fallback);
}

static void
test_tls(void)
{
	size_t	 i;

	for (i = 0; i < nitems(tls_cases); i++)
		test_policy(&tls_cases[i], RELAY_STS_NONE);
	for (i = 0; i < nitems(sts_cases); i++)
		test_policy(&sts_cases[i].c, sts_cases[i].sts);
}

static void
test_mx(void)
{
	const struct mx_case	*c;
	struct msg_dns_answer	 a;
	struct msg_dns_record	 rr[RR_MAX];
	struct buf		 wire[RR_MAX] = { { 0 } }, got = { 0 };
	struct dns_mx		 hosts[RELAY_MX_MAX];
	struct relay_result	 why;
	size_t			 i, k, n;

	for (i = 0; i < nitems(mx_cases); i++) {
		c = &mx_cases[i];
		memset(&a, 0, sizeof(a));
		a.status = (uint8_t)c->status;
		a.canonical = span_str(c->canonical);
		a.records.v = rr;
		for (k = 0; k < RR_MAX && c->rr[k].host != NULL; k++) {
			buf_reset(&wire[k]);
			buf_put_u16(&wire[k], (uint16_t)c->rr[k].preference);
			dns_name_put(&wire[k], span_str(c->rr[k].host));
			rr[k].rdata = span_buf(&wire[k]);
		}
		a.records.n = k;
		buf_reset(&got);
		n = relay_mx(&a, "d", "us", fixed, hosts, &why);
		for (k = 0; k < n; k++)
			buf_addf(&got, "%s%s", k > 0 ? " " : "",
			    hosts[k].host);
		if (n == 0)
			buf_adds(&got, why.enhanced);
		CHECK(span_eqs(span_buf(&got), c->want) &&
		    (n > 0 || why.result == c->result), "%s: %s", c->name,
		    buf_cstr(&got));
	}
	for (k = 0; k < RR_MAX; k++)
		buf_free(&wire[k]);
	buf_free(&got);
}

static void
test_candidates(void)
{
	const struct candidate_case	*c;
	struct conf_transport		 t = { 0 };
	struct relay_host		 hosts[3];
	struct relay_candidate		 out[RELAY_ADDRS_MAX];
	struct buf			 got = { 0 };
	struct span			 s, word;
	char				 text[DNS_ADDR_TEXT];
	unsigned			 refused;
	size_t				 i, k, n;

	for (i = 0; i < nitems(candidate_cases); i++) {
		c = &candidate_cases[i];
		memset(hosts, 0, sizeof(hosts));
		for (k = 0; k < 3 && c->hosts[k] != NULL; k++)
			for (s = span_str(c->hosts[k]); s.n > 0;) {
				(void)span_split(&s, ' ', &word);
				dns_addr_parse(word,
				    &hosts[k].addrs[hosts[k].n++]);
			}
		t.no_ipv4 = (uint8_t)c->no4;
		t.no_ipv6 = (uint8_t)c->no6;
		lot = c->lot;
		n = relay_candidates(hosts, k, &t, c->private, fixed, out,
		    &refused);
		buf_reset(&got);
		for (k = 0; k < n; k++)
			buf_addf(&got, "%s%s", k > 0 ? " " : "",
			    dns_addr_text(&out[k].addr, text));
		CHECK(span_eqs(span_buf(&got), c->want) &&
		    refused == c->refused, "%s: %s (%u refused)", c->name,
		    buf_cstr(&got), refused);
	}
	buf_free(&got);
}

static const struct {
	const char	*host;
	int		 want;
} names[] = {
	{ "mx.example.org",	1 }, { "127.example",		1 },
	{ "mx.0xample",		1 }, { "10.0.0.5.example",	1 },
	{ "localhost.example",	1 }, { "xn--p1ai.xn--p1ai",	1 },
	{ "localhost",		0 }, { "mx.LocalHost",		0 },
	{ "intranet",		0 }, { "127.0.0.1",		0 },
	{ "127.1",		0 }, { "2130706433",		0 },
	{ "0x7f000001",		0 }, { "0x7f.1",		0 },
	{ "127.0.0.0X1f",	0 }, { "0177.0.0.01",		0 },
	{ "mx.example.7",	0 }, { "mx.0x",			0 },
};

static void
test_names(void)
{
	size_t	 i;

	for (i = 0; i < nitems(names); i++)
		CHECK(relay_name_public(names[i].host) == names[i].want,
		    "a proxy is %sasked for %s", names[i].want ? "" : "not ",
		    names[i].host);
}

int
main(void)
{
	struct relay_result	 r;

	test_tls();
	test_dane();
	test_mx();
	test_candidates();
	test_names();
	relay_result(&r, RESULT_TEMP, 451, "4.3.2", "%s\r\n%0600d", "a\033b", 1);
	CHECK(strncmp(r.text, "a?b??000", 8) == 0 &&
	    strlen(r.text) == sizeof(r.text) - 1, "texts are cut and clean");
	return (test_done());
}
