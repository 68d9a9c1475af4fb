/*
 * dnscheck and dnsrecords: what DNS says about a domain of ours, what is wrong
 * with it, and the records to publish.  DNS is asked by "authd: lookup"; what is
 * meant by its answers is decided here.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ctl.h"
#include "dane.h"
#include "dnsask.h"
#include "dnscheck.h"
#include "dnsfacts.h"
#include "spf.h"

#define IPS_MAX		16
#define HELO_SPF	"%s.\tTXT\t\"v=spf1 a -all\""

/* An address that mail of ours comes from, and how it introduces itself. */
struct sender {
	struct dns_addr	 ip;
	const char	*helo;
	int		 again;		/* the address is there before */
};

static struct check {
	struct ctl	*ctl;
	const char	*domain;	/* A-label */
	const char	*host;		/* our name */
	struct dns_addr	 ours[IPS_MAX];	/* addresses of our name */
	size_t		 nours;
	struct sender	*senders;
	size_t		 nsenders;
	unsigned	 errors, warnings;
} C;

/* ---- what is said ---- */

void
dns_say(enum level level, const char *what, const char *fmt, ...)
{
	static const char *const	 words[] = { "ok", "warning", "error" };
	struct json_object		*o;
	char				 text[1024];
	va_list				 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	C.errors += level == ERROR;
	C.warnings += level == WARNING;
	if (!ctl_json) {
		printf("%-8s %-8s %s\n", words[level], what, text);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "level", json_object_new_string(
	    words[level]));
	json_object_object_add(o, "about", json_object_new_string(what));
	json_object_object_add(o, "text", json_object_new_string(text));
	printf("%s\n", json_object_to_json_string_ext(o,
	    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* A record as it stands in a zone. */
void
dns_publish(const char *fmt, ...)
{
	struct json_object	*o;
	struct buf		 text = { 0 };
	va_list			 ap;

	va_start(ap, fmt);
	buf_addv(&text, fmt, ap);
	va_end(ap);
	if (!ctl_json)
		printf("         publish  %s\n", buf_cstr(&text));
	else {
		o = json_object_new_object();
		json_object_object_add(o, "publish", json_object_new_string(
		    buf_cstr(&text)));
		printf("%s\n", json_object_to_json_string_ext(o,
		    JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
		json_object_put(o);
	}
	buf_free(&text);
}

/* ---- addresses and reverse names ---- */

static void
publish_address(const char *name, const struct dns_addr *ip)
{
	char	 text[DNS_ADDR_TEXT];

	dns_publish("%s.\t%s\t%s", name, ip->family == AF_INET ? "A" : "AAAA",
	    dns_addr_text(ip, text));
}

static void
publish_reverse(const struct dns_addr *ip, const char *name)
{
	struct buf	 rev = { 0 };

	(void)dns_addr_reverse(ip, &rev);
	dns_publish("%s.\tPTR\t%s.", buf_cstr(&rev), name);
	buf_free(&rev);
}

static void
publish_host(void)
{
	dns_publish("%s.\tA\t(this machine's address)", C.host);
}

/* Has the address that name, and the name that address? */
static void
check_reverse(const struct dns_addr *ip, const char *want)
{
	struct dns_addr	 back[IPS_MAX];
	struct dns_answer	 a;
	struct buf	 rev = { 0 }, name = { 0 };
	char		 text[DNS_ADDR_TEXT];
	size_t		 i, n;
	int		 rc, found = 0;

	(void)dns_addr_text(ip, text);
	(void)dns_addr_reverse(ip, &rev);
	rc = dns_ask(C.ctl, buf_cstr(&rev), "PTR", &a);
	for (i = 0; i < a.n && !found; i++) {
		buf_reset(&name);
		found = dns_target_get(span_buf(&a.rdata[i]), &name) == 0 &&
		    span_caseeqs(span_buf(&name), want);
	}
	if (rc == -1)
		dns_say(ERROR, "reverse", "%s: no answer about its name", text);
	else if (rc == 0)
		dns_say(ERROR, "reverse", "%s has no name: many servers refuse "
		    "mail from it", text);
	else if (!found)
		dns_say(WARNING, "reverse", "%s has the name %s, not %s", text,
		    buf_cstr(&name), want);
	if (rc != -1 && !found)
		publish_reverse(ip, want);
	n = found ? dns_addresses(C.ctl, want, back, IPS_MAX) : 0;
	for (i = 0; i < n && !dns_addr_eq(&back[i], ip); i++)
		;
	if (found && i < n)
		dns_say(OK, "reverse", "%s is %s, and back", text, want);
	else if (found) {
		dns_say(ERROR, "reverse", "%s is %s, which does not have that "
		    "address", text, want);
		publish_address(want, ip);
	}
	dns_answer_free(&a);
	buf_free(&rev);
	buf_free(&name);
}

static void
add_sender(const struct dns_addr *ip, const char *helo)
{
	struct sender	*v;
	size_t		 i;
	int		 again = 0;

	for (i = 0; i < C.nsenders; i++) {
		if (!dns_addr_eq(&C.senders[i].ip, ip))
			continue;
		if (strcasecmp(C.senders[i].helo, helo) == 0)
			return;
		again = 1;
	}
	if ((v = reallocarray(C.senders, i + 1, sizeof(*v))) == NULL)
		err(EXIT_REFUSED, NULL);
	v[i] = (struct sender){ *ip, helo, again };
	C.senders = v;
	C.nsenders = i + 1;
}

/* Every address that mail of ours may come from. */
static void
find_senders(void)
{
	static const char *const	 kinds[] = { "direct", "proxy" };
	struct dns_addr			 ip;
	size_t				 i, k;

	C.nours = dns_addresses(C.ctl, C.host, C.ours, IPS_MAX);
	for (i = 0; i < C.nours; i++)
		add_sender(&C.ours[i], C.host);
	/* Behind a private source somebody translates addresses. */
	for (k = 0; k < 2; k++)
		EACH(f, kinds[k])
			for (i = 0; i < f->nips; i++)
				if (dns_addr_parse(span_str(f->ips[i]),
				    &ip) == 0 &&
				    dns_addr_kind(&ip) == DNS_ADDR_PUBLIC)
					add_sender(&ip, *f->host != '\0' ?
					    f->host : C.host);
}

static void
check_host(void)
{
	size_t		 i;

	if (C.nours == 0) {
		dns_say(ERROR, "host", "%s has no address", C.host);
		publish_host();
	} else
		dns_say(OK, "host", "%s has %zu address%s", C.host, C.nours,
		    C.nours == 1 ? "" : "es");
	for (i = 0; i < C.nsenders; i++)
		if (!C.senders[i].again)
			check_reverse(&C.senders[i].ip, C.senders[i].helo);
}

/* ---- MX and keys ---- */

/* The keys that our port 25 shows, and what DNS says about them. */
static void
check_tlsa(const char *host)
{
	struct dane_record	 r;
	struct dns_answer		 a;
	struct buf		 name = { 0 }, text = { 0 };
	size_t			 i;
	int			 rc, found, any = 0;

	if (next_fact("tlsa", NULL) == NULL)
		return;
	buf_addf(&name, "_25._tcp.%s", host);
	rc = dns_ask(C.ctl, buf_cstr(&name), "TLSA", &a);
	EACH(f, "tlsa") {
		found = 0;
		for (i = 0; i < a.n; i++) {
			buf_reset(&text);
			if (dane_parse(span_buf(&a.rdata[i]), &r) == 0 &&
			    dane_text(&r, &text) == 0)
				found |= span_caseeqs(span_buf(&text),
				    f->name);
		}
		any |= found;
		if (rc == 1 && !found)
			dns_say(ERROR, "TLSA", "%s: no record 3 1 1 for the key "
			    "in use: who checks will not deliver",
			    buf_cstr(&name));
		if (!found)
			dns_publish("%s.\tTLSA\t%s", buf_cstr(&name), f->name);
	}
	if (rc == 1 && any)
		dns_say(a.secure ? OK : WARNING, "TLSA", "%s: the key in use is "
		    "there%s", buf_cstr(&name), a.secure ? "" :
		    ", but the zone is not signed: nobody will look at it");
	else if (rc == 0)
		dns_say(WARNING, "TLSA", "%s: none; with a signed zone it keeps "
		    "others from reading mail on its way", buf_cstr(&name));
	else if (rc == -1)
		dns_say(ERROR, "TLSA", "%s: no answer", buf_cstr(&name));
	dns_answer_free(&a);
	buf_free(&name);
	buf_free(&text);
}

static void
check_mx(void)
{
	struct dns_addr	 ips[IPS_MAX];
	struct dns_answer	 a;
	struct buf	 host = { 0 };
	size_t		 i;
	int		 rc, ours = 0;

	rc = dns_ask(C.ctl, C.domain, "MX", &a);
	for (i = 0; i < a.n; i++) {
		buf_reset(&host);
		if (dns_mx_get(span_buf(&a.rdata[i]), &host) == -1 ||
		    span_eqs(span_buf(&host), ".")) {
			dns_say(ERROR, "MX", "%s says that it takes no mail",
			    C.domain);
			continue;
		}
		ours |= span_caseeqs(span_buf(&host), C.host);
		if (dns_addresses(C.ctl, buf_cstr(&host), ips, IPS_MAX) == 0)
			dns_say(ERROR, "MX", "%s has no address",
			    buf_cstr(&host));
		else
			dns_say(OK, "MX", "%s", buf_cstr(&host));
	}
	if (rc == -1)
		dns_say(ERROR, "MX", "no answer about %s", C.domain);
	else if (!ours) {
		dns_say(rc == 0 ? ERROR : WARNING, "MX", rc == 0 ?
		    "%s names no mail server" : "the mail servers of %s are "
		    "others, not this one", C.domain);
		dns_publish("%s.\tMX\t10 %s.", C.domain, C.host);
	}
	if (rc != -1)
		check_tlsa(C.host);
	dns_answer_free(&a);
	buf_free(&host);
}

/* ---- SPF ---- */

static enum spf_result
evaluate(const struct dns_addr *ip, const char *helo, const char *domain,
    struct buf *why)
{
	static const char *const	 types[] = { "TXT", "A", "AAAA", "MX",
					    "PTR" };
	struct spf_question		 q;
	struct dns_answer			 a;
	struct span			 v[DNS_ANSWER_MAX];
	struct buf			 sender = { 0 };
	struct spf			*s;
	enum spf_result			 r;
	size_t				 i;
	int				 rc;

	buf_addf(&sender, "postmaster@%s", domain);
	if ((s = spf_new(ip, helo, buf_cstr(&sender), C.host)) == NULL)
		err(EXIT_REFUSED, NULL);
	while (spf_step(s, &q) == SPF_ASK) {
		rc = dns_ask(C.ctl, q.name, types[q.type], &a);
		for (i = 0; i < a.n; i++)
			v[i] = span_buf(&a.rdata[i]);
		spf_answer(s, rc == 1 ? SPF_FOUND : rc == 0 ? SPF_NOTHING :
		    SPF_FAILED, v, a.n);
		dns_answer_free(&a);
	}
	r = spf_result(s);
	buf_adds(why, spf_reason(s));
	spf_free(s);
	buf_free(&sender);
	return (r);
}

static void
suggest_spf(void)
{
	const struct sender	*v = C.senders;
	struct buf		 b = { 0 };
	char			 text[DNS_ADDR_TEXT];
	size_t			 i;

	buf_adds(&b, "v=spf1");
	for (i = 0; i < C.nsenders; i++)
		if (!v[i].again)
			buf_addf(&b, " %s:%s", v[i].ip.family == AF_INET ?
			    "ip4" : "ip6", dns_addr_text(&v[i].ip, text));
	EACH(f, "smarthost")
		buf_addf(&b, " include:(what the operator of %s says)",
		    f->host);
	dns_publish("%s.\tTXT\t\"%s mx -all\"", C.domain, buf_cstr(&b));
	buf_free(&b);
}

static void
check_spf(void)
{
	const struct sender	*v = C.senders;
	struct buf		 why = { 0 };
	char			 text[DNS_ADDR_TEXT];
	size_t			 i;
	enum spf_result		 r;
	int			 bad = 0;

	if (C.nsenders == 0)
		dns_say(WARNING, "SPF", "no address is known that mail comes "
		    "from");
	for (i = 0; i < C.nsenders; i++) {
		(void)dns_addr_text(&v[i].ip, text);
		if (!v[i].again) {
			buf_reset(&why);
			r = evaluate(&v[i].ip, v[i].helo, C.domain, &why);
			bad |= r != SPF_PASS;
			dns_say(r == SPF_PASS ? OK : ERROR, "SPF",
			    "%s for %s: %s (%s)", text, C.domain,
			    spf_result_names[r], buf_cstr(&why));
		}
		buf_reset(&why);
		r = evaluate(&v[i].ip, v[i].helo, v[i].helo, &why);
		if (r != SPF_PASS) {
			dns_say(r == SPF_NONE ? WARNING : ERROR, "SPF",
			    "%s for %s: %s (%s)", text, v[i].helo,
			    spf_result_names[r], buf_cstr(&why));
			dns_publish(HELO_SPF, v[i].helo);
		}
	}
	if (bad)
		suggest_spf();
	EACH(f, "smarthost")
		dns_say(WARNING, "SPF", "mail also goes through %s: what its "
		    "operator says is to be included, and it must keep "
		    "signatures whole", f->host);
	buf_free(&why);
}

/* ---- services ---- */

/* RFC 6186, RFC 8314: how mail programs find us. */
static const struct {
	const char	*kind, *service;
} services[] = {
	{ "submissions", "_submissions" }, { "submission", "_submission" },
	{ "imaps", "_imaps" }, { "imap", "_imap" },
};

/* Is that host this machine, by its name there or by an address? */
static int
is_us(const char *host, const char *name)
{
	struct dns_addr	 v[IPS_MAX];
	size_t		 i, k, n;

	if (strcasecmp(host, name) == 0)
		return (1);
	n = dns_addresses(C.ctl, host, v, IPS_MAX);
	for (i = 0; i < n; i++)
		for (k = 0; k < C.nours; k++)
			if (dns_addr_eq(&v[i], &C.ours[k]))
				return (1);
	return (0);
}

/* Does one of the records lead to a service of ours?  Where it, or else the last
 * of them, does lead is appended to where. */
static int
srv_leads_here(const struct dns_answer *a, const char *kind, struct buf *where)
{
	struct buf	 target = { 0 };
	struct span	 d;
	size_t		 i;
	int		 port, found = 0;

	for (i = 0; i < a->n && !found; i++) {
		d = span_buf(&a->rdata[i]);
		buf_reset(&target);
		if (d.n < 7)
			continue;
		port = d.p[4] << 8 | d.p[5];
		d = span_of(d.p + 6, d.n - 6);
		if (dns_name_get(&d, &target) == -1)
			continue;
		EACH(f, kind)
			found |= f->port == port &&
			    is_us(buf_cstr(&target), f->name);
		buf_reset(where);
		buf_addf(where, "%s port %d", buf_cstr(&target), port);
	}
	buf_free(&target);
	return (found);
}

static void
publish_srv(size_t i)
{
	EACH(f, services[i].kind)
		dns_publish("%s._tcp.%s.\tSRV\t0 1 %lld %s.", services[i].service,
		    C.domain, (long long)f->port, f->name);
}

static void
check_srv(size_t i)
{
	struct dns_answer	 a;
	struct buf		 name = { 0 }, where = { 0 };
	int			 rc;

	if (next_fact(services[i].kind, NULL) == NULL)
		return;
	buf_addf(&name, "%s._tcp.%s", services[i].service, C.domain);
	rc = dns_ask(C.ctl, buf_cstr(&name), "SRV", &a);
	if (srv_leads_here(&a, services[i].kind, &where))
		dns_say(OK, "SRV", "%s: %s", buf_cstr(&name), buf_cstr(&where));
	else if (rc == -1)
		dns_say(ERROR, "SRV", "%s: no answer", buf_cstr(&name));
	else {
		if (where.n == 0)
			dns_say(WARNING, "SRV", "%s: not there: mail programs "
			    "must be told", buf_cstr(&name));
		else
			dns_say(WARNING, "SRV", "%s: %s is no service of this "
			    "machine", buf_cstr(&name), buf_cstr(&where));
		publish_srv(i);
	}
	dns_answer_free(&a);
	buf_free(&name);
	buf_free(&where);
}

/* ---- the commands ---- */

static void
begin(const char *domain)
{
	const struct fact	*host;
	char			*ascii;

	if (dns_domain_ascii(domain, &ascii) == -1)
		errx(EXIT_USAGE_, "\"%s\" is no domain", domain);
	C.domain = ascii;
	if ((C.ctl = ctl_open(socket_path)) == NULL)
		exit(EXIT_AWAY);
	facts_read(C.ctl, C.domain);
	host = next_fact("host", NULL);
	C.host = host == NULL ? "" : host->name;
	if (next_fact("domain", NULL) == NULL)
		dns_say(ERROR, "domain", "%s is not in the configuration",
		    C.domain);
}

static void
end(void)
{
	free(C.senders);
	facts_free();
	ctl_close(C.ctl);
}

int
dnscheck(int argc, char **argv)
{
	size_t	 i;
	int	 k;

	begin(argv[0]);
	find_senders();
	check_host();
	check_mx();
	check_spf();
	if (argc == 1)
		dns_say(WARNING, "DKIM", "nothing is signed here: name the "
		    "selectors of who signs after the domain");
	for (k = 1; k < argc; k++)
		check_dkim(C.ctl, C.domain, argv[k]);
	check_texts(C.ctl, C.domain);
	for (i = 0; i < nitems(services); i++)
		check_srv(i);
	if (!ctl_json)
		printf("%u error%s, %u warning%s\n", C.errors,
		    C.errors == 1 ? "" : "s", C.warnings,
		    C.warnings == 1 ? "" : "s");
	end();
	return (C.errors > 0 ? EXIT_REFUSED : EXIT_OK);
}

/* Is its name not ours, nor that of one before it? */
static int
is_new_name(size_t n)
{
	size_t	 i;

	if (strcasecmp(C.senders[n].helo, C.host) == 0)
		return (0);
	for (i = 0; i < n; i++)
		if (strcasecmp(C.senders[i].helo, C.senders[n].helo) == 0)
			return (0);
	return (1);
}

/* Of all that mail comes from: the names, back, and what HELO may say. */
static void
publish_senders(void)
{
	const struct sender	*v = C.senders;
	size_t			 i;

	for (i = 0; i < C.nsenders; i++) {
		publish_address(v[i].helo, &v[i].ip);
		if (!v[i].again)
			publish_reverse(&v[i].ip, v[i].helo);
	}
	if (C.nours == 0)
		publish_host();
	dns_publish(HELO_SPF, C.host);
	for (i = 0; i < C.nsenders; i++)
		if (is_new_name(i))
			dns_publish(HELO_SPF, v[i].helo);
}

int
dnsrecords(int argc, char **argv)
{
	size_t	 i;

	(void)argc;
	begin(argv[0]);
	find_senders();
	dns_publish("%s.\tMX\t10 %s.", C.domain, C.host);
	suggest_spf();
	publish_texts(C.domain);
	publish_senders();
	EACH(t, "tlsa")
		dns_publish("_25._tcp.%s.\tTLSA\t%s", C.host, t->name);
	for (i = 0; i < nitems(services); i++)
		publish_srv(i);
	end();
	return (EXIT_OK);
}
