/*
 * The policy of a domain: its TXT record, and when that says something new, the
 * policy's text by HTTPS.  What cannot be fetched is not tried again at once.
 */
#include <sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "lookup.h"
#include "lookup_ctl.h"
#include "lookup_https.h"
#include "lookup_sts.h"
#include "mtasts.h"
#include "page.h"
#include "proc.h"

#define OPEN_MOST	256		/* questions under way */
#define AGAIN_S		300		/* seconds, RFC 8461 section 3.3 */
#define FAILED_MOST	1000		/* domains whose fetch failed */
#define ADDRS		8

struct ask {
	LIST_ENTRY(ask)	 entry;
	struct peer	*peer;		/* NULL: nobody waits any more */
	uint32_t	 id;
	int		 ctl;		/* it is letterctl that asks */
	char		*domain;	/* as DNS has it */
	char		 host[DNS_HOST_MAX + 16];
	char		 known[MTASTS_ID + 1], now[MTASTS_ID + 1];
	struct dns_addr	 addrs[ADDRS];
	size_t		 naddrs;
	unsigned	 left;		/* answers about addresses */
	int		 away;		/* one could not be had */
};

struct failed {
	TAILQ_ENTRY(failed)	 entry;
	uint64_t		 until;	/* proc_now_ms() */
	char			 why[128];
	char			 domain[];
};

static void	 on_txt(void *, enum dns_status, int, struct span);
static void	 on_a(void *, enum dns_status, int, struct span);
static void	 on_aaaa(void *, enum dns_status, int, struct span);
static void	 on_text(void *, const struct span *, const char *);
static void	 end(struct ask *, enum sts_status, struct span text);
static void	 failed(struct ask *, const char *);
static void	 tell(struct ask *, enum sts_status, struct span text);

static LIST_HEAD(, ask)		 asks = LIST_HEAD_INITIALIZER(asks);
static TAILQ_HEAD(, failed)	 fails = TAILQ_HEAD_INITIALIZER(fails);
static size_t			 nasks, nfails;

/* One row. */
static void
tell(struct ask *a, enum sts_status status, struct span text)
{
	static const char *const	 words[] = { [STS_NONE] = "none",
					    [STS_POLICY] = "policy",
					    [STS_SAME] = "same",
					    [STS_FAILED] = "failed",
					    [STS_TEMPFAIL] = "tempfail" };
	struct json_object		*o = json_object_new_object();
	struct page			 page = { 0 };

	row_str(o, "status", span_str(words[status]));
	row_str(o, "text", text);
	(void)page_row(&page, o);
	page_answer(a->peer, a->id, &page, span_of("", 0), span_of("", 0));
	page_free(&page);
}

static void
end(struct ask *a, enum sts_status status, struct span text)
{
	struct msg_sts_answer	 m = { .status = (uint8_t)status };

	m.id = span_str(status == STS_POLICY ? a->now : "");
	m.text = text;
	if (a->ctl)
		tell(a, status, text);
	else if (a->peer != NULL)
		(void)peer_reply(a->peer, M_STS, a->id, &c_sts_answer, &m, -1);
	LIST_REMOVE(a, entry);
	nasks--;
	free(a->domain);
	free(a);
}

/* ---- what failed ---------------------------------------------------------------- */

static void
forget(struct failed *f)
{
	TAILQ_REMOVE(&fails, f, entry);
	nfails--;
	free(f);
}

static const struct failed *
has_failed(const char *domain)
{
	struct failed	*f;

	while ((f = TAILQ_FIRST(&fails)) != NULL && f->until < proc_now_ms())
		forget(f);
	TAILQ_FOREACH(f, &fails, entry)
		if (strcmp(f->domain, domain) == 0)
			return (f);
	return (NULL);
}

static void
failed(struct ask *a, const char *why)
{
	struct failed	*f;
	size_t		 n = strlen(a->domain) + 1;

	if (a->ctl) {
		end(a, STS_FAILED, span_str(why));
		return;
	}
	log_warn("MTA-STS: the policy of %s: %s", log_escs(a->domain),
	    log_escs(why));
	if ((f = calloc(1, sizeof(*f) + n)) != NULL) {
		f->until = proc_now_ms() + AGAIN_S * 1000;
		snprintf(f->why, sizeof(f->why), "%s", why);
		memcpy(f->domain, a->domain, n);
		TAILQ_INSERT_TAIL(&fails, f, entry);
		if (++nfails > FAILED_MOST)
			forget(TAILQ_FIRST(&fails));
	}
	end(a, STS_FAILED, span_str(why));
}

/* ---- the record ------------------------------------------------------------------ */

/* 1 with the id in a->now; 0: there is none. */
static int
id_of(struct ask *a, const struct answer *r)
{
	struct buf	 text[ANSWER_RECORDS] = { { 0 } };
	struct span	 txt[ANSWER_RECORDS], id;
	size_t		 i, n = 0;
	int		 found;

	for (i = 0; i < r->n; i++)
		if (dns_txt_get(r->records[i].rdata, &text[n]) == 0) {
			txt[n] = span_buf(&text[n]);
			n++;
		}
	if ((found = mtasts_record(txt, n, &id)) == 1)
		snprintf(a->now, sizeof(a->now), "%.*s", (int)id.n,
		    (const char *)id.p);
	for (i = 0; i < ANSWER_RECORDS; i++)
		buf_free(&text[i]);
	return (found);
}

static void
ask_addresses(struct ask *a)
{
	a->left = 2;
	if (resolver_ask(lookup_resolver(), a->host, DNS_A, on_a, a) == -1)
		on_a(a, DNS_TEMPFAIL, 0, span_of("", 0));
	if (resolver_ask(lookup_resolver(), a->host, DNS_AAAA, on_aaaa, a) == -1)
		on_aaaa(a, DNS_TEMPFAIL, 0, span_of("", 0));
}

static void
on_txt(void *arg, enum dns_status status, int secure, struct span message)
{
	struct ask		*a = arg;
	const struct failed	*f;
	struct answer		 r = { 0 };
	char			 name[DNS_HOST_MAX + 16];
	int			 found;

	(void)secure;
	r.status = status;
	snprintf(name, sizeof(name), "_mta-sts.%s", a->domain);
	if (status == DNS_OK)
		answer_parse(&r, message, span_str(name), DNS_TXT);
	found = r.status == DNS_OK && id_of(a, &r);
	status = r.status;
	answer_free(&r);
	if (status == DNS_TEMPFAIL || status == DNS_BOGUS)
		end(a, STS_TEMPFAIL, span_of("", 0));
	else if (!found)
		end(a, STS_NONE, span_of("", 0));
	else if (strcmp(a->now, a->known) == 0)
		end(a, STS_SAME, span_of("", 0));
	else if (!a->ctl && (f = has_failed(a->domain)) != NULL)
		end(a, STS_FAILED, span_str(f->why));
	else
		ask_addresses(a);
}

/* ---- the text -------------------------------------------------------------------- */

static void
take(struct ask *a, uint16_t type, enum dns_status status,
    struct span message)
{
	struct answer	 r = { 0 };
	struct dns_addr	 addr;
	int		 family = type == DNS_A ? AF_INET : AF_INET6;
	size_t		 i;

	r.status = status;
	if (status == DNS_OK)
		answer_parse(&r, message, span_str(a->host), type);
	a->away |= r.status == DNS_TEMPFAIL || r.status == DNS_BOGUS;
	for (i = 0; i < r.n && a->naddrs < ADDRS; i++)
		if (dns_addr_get(r.records[i].rdata, family, &addr) == 0 &&
		    (proc_conf()->allow_private ||
		    dns_addr_kind(&addr) == DNS_ADDR_PUBLIC))
			a->addrs[a->naddrs++] = addr;
	answer_free(&r);
	if (--a->left > 0)
		return;
	if (a->naddrs == 0)
		failed(a, a->away ? "no answer from DNS about its host" :
		    "its host has no address that can be used");
	else if (https_get(a->host, ".well-known/mta-sts.txt", a->addrs,
	    a->naddrs, MTASTS_TEXT, on_text, a) == -1)
		end(a, STS_FAILED, span_str("too many policies are fetched"));
}

static void
on_a(void *arg, enum dns_status status, int secure, struct span message)
{
	(void)secure;
	take(arg, DNS_A, status, message);
}

static void
on_aaaa(void *arg, enum dns_status status, int secure, struct span message)
{
	(void)secure;
	take(arg, DNS_AAAA, status, message);
}

/* Only what we understand goes further. */
static void
on_text(void *arg, const struct span *text, const char *why)
{
	static struct mtasts_policy	 p;
	struct ask			*a = arg;
	struct buf			 b = { 0 };
	size_t				 i;

	if (text == NULL) {
		failed(a, why);
		return;
	}
	if (mtasts_parse(*text, &p, &b) == -1) {
		failed(a, buf_cstr(&b));
		buf_free(&b);
		return;
	}
	buf_reset(&b);
	(void)buf_addf(&b, "version: STSv1\nmode: %s\nmax_age: %u\n",
	    mtasts_mode_name(p.mode), p.max_age);
	for (i = 0; i < p.nmx; i++)
		(void)buf_addf(&b, "mx: %s\n", p.mx[i]);
	if (buf_failed(&b) || b.n > MSG_STS_TEXT)
		failed(a, "it names too much");
	else
		end(a, STS_POLICY, span_buf(&b));
	buf_free(&b);
}

/* 0, or -1: too many ask. */
static int
ask(struct peer *p, uint32_t id, int ctl, struct span domain,
    struct span known)
{
	struct ask	*a;
	char		 name[DNS_HOST_MAX + 16];

	if (nasks >= OPEN_MOST || (a = calloc(1, sizeof(*a))) == NULL)
		return (-1);
	a->peer = p;
	a->id = id;
	a->ctl = ctl;
	LIST_INSERT_HEAD(&asks, a, entry);
	nasks++;
	snprintf(a->known, sizeof(a->known), "%.*s", (int)known.n,
	    (const char *)known.p);
	if ((a->domain = lookup_name(domain)) == NULL ||
	    strlen(a->domain) > DNS_HOST_MAX) {
		end(a, STS_NONE, span_of("", 0));
		return (0);
	}
	snprintf(a->host, sizeof(a->host), "mta-sts.%s", a->domain);
	snprintf(name, sizeof(name), "_mta-sts.%s", a->domain);
	if (resolver_ask(lookup_resolver(), name, DNS_TXT, on_txt, a) == -1)
		on_txt(a, DNS_TEMPFAIL, 0, span_of("", 0));
	return (0);
}

int
lookup_sts(struct peer *p, struct imsg *m)
{
	struct msg_sts_answer	 no = { .status = STS_TEMPFAIL };
	struct msg_sts		 s;

	if (imsg_get(m, &c_sts, &s) == -1)
		return (-1);
	if (ask(p, m->id, 0, s.domain, s.id) == -1)
		(void)peer_reply(p, M_STS, m->id, &c_sts_answer, &no, -1);
	return (0);
}

void
lookup_sts_ctl(struct peer *p, uint32_t id, const struct msg_ctl *m)
{
	const struct msg_ctl_arg	*v = m->args.v;

	if (m->args.n != 1)
		page_error(p, id, "usage: dns sts DOMAIN");
	else if (ask(p, id, 1, v[0].arg, span_of("", 0)) == -1)
		page_error(p, id, "too many questions");
}

void
lookup_sts_down(struct peer *p)
{
	struct ask	*a;

	LIST_FOREACH(a, &asks, entry)
		if (a->peer == p)
			a->peer = NULL;
}
