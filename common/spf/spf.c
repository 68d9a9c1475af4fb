/*
 * check_host(), RFC 7208 section 4.  Each step evaluates from the beginning with
 * the answers that are there; the first one that is missing is asked for.  That
 * costs little, since there are few, and leaves no state between questions.
 */
#include <sys/socket.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "spf_int.h"

struct answer {
	char		*name;
	enum spf_type	 type;
	enum spf_status	 status;
	struct buf	*rdata;
	size_t		 n;
};

/* "I must ask first": beside the results of evaluation. */
enum { ASK = -1 };

struct spf {
	struct spf_who	 who;
	char		*helo, *receiver, *sender;
	char		*domain;		/* of the sender */
	struct answer	 answers[SPF_ANSWERS];
	size_t		 nanswers;
	/* the question at hand */
	char		 name[SPF_DOMAIN + 1];
	enum spf_type	 type;
	/* of this evaluation */
	unsigned	 terms, voids, depth;
	char		 validated[SPF_DOMAIN + 1];
	int		 validation;		/* it is known */
	int		 done;
	enum spf_result	 result;
	struct buf	 reason, explanation;
};

const char *const	 spf_result_names[] = {
	"none", "neutral", "pass", "fail", "softfail", "temperror",
	"permerror"
};

static int	 check_host(struct spf *, const char *, int);

/* ---- answers ---- */

/* What was answered, or NULL: it is asked now. */
static const struct answer *
lookup(struct spf *s, const char *name, enum spf_type type)
{
	size_t	 i, n = strlen(name);

	if (n > 0 && name[n - 1] == '.')
		n--;
	for (i = 0; i < s->nanswers; i++)
		if (s->answers[i].type == type &&
		    strlen(s->answers[i].name) == n &&
		    strncasecmp(s->answers[i].name, name, n) == 0)
			return (&s->answers[i]);
	if (n > SPF_DOMAIN)
		n = SPF_DOMAIN;
	memcpy(s->name, name, n);
	s->name[n] = '\0';
	s->type = type;
	return (NULL);
}

/* A question that finds nothing counts; too many are an error. */
static int
is_void(struct spf *s, const struct answer *a)
{
	return (a->status == SPF_NOTHING && ++s->voids > SPF_VOID);
}

static int
because(struct spf *s, enum spf_result r, const char *domain,
    const char *what, struct span text)
{
	buf_reset(&s->reason);
	buf_addf(&s->reason, "%s%.*s%s%s", what, text.n > 200 ? 200 :
	    (int)text.n, (const char *)text.p, *domain == '\0' ? "" : " of ",
	    domain);
	return ((int)r);
}

/* Can it be asked for at all: labels of 1 to 63 octets? */
static int
name_ok(const char *s)
{
	size_t	 label = 0, n = strlen(s);

	if (n == 0 || n > SPF_DOMAIN)
		return (0);
	for (; *s != '\0'; s++) {
		if (*s == '.') {
			if (label == 0)
				return (0);
			label = 0;
		} else if (++label > 63)
			return (0);
	}
	return (1);
}

/* A name after macros, cut from the left if it is too long (7.3). */
static int
target(struct spf *s, const struct spf_term *t, const char *domain,
    struct buf *b)
{
	struct span	 left;

	if (t->domain.n == 0)
		return (buf_adds(b, domain));
	s->who.validated = s->validation ? s->validated : "unknown";
	if (spf_macro_expand(t->domain, &s->who, domain, 0, b) == -1)
		return (-1);
	if (b->n > 0 && b->p[b->n - 1] == '.')
		buf_truncate(b, b->n - 1);
	while (b->n > SPF_DOMAIN) {
		left = span_buf(b);
		if (span_find(left, '.') == -1)
			break;
		buf_drain(b, (size_t)span_find(left, '.') + 1);
	}
	return (buf_failed(b) ? -1 : 0);
}

/* ---- mechanisms ---- */

static int
in_network(const struct dns_addr *a, const struct dns_addr *net, int bits)
{
	int	 whole, rest;

	if (a->family != net->family)
		return (0);
	if (bits < 0)
		bits = a->family == AF_INET ? 32 : 128;
	whole = bits / 8;
	rest = bits % 8;
	return (memcmp(a->octets, net->octets, (size_t)whole) == 0 &&
	    (rest == 0 || ((a->octets[whole] ^ net->octets[whole]) &
	    (0xff << (8 - rest)) & 0xff) == 0));
}

/* Is the address one of this host's?  1, 0, ASK, or an error + 10. */
static int
host_has(struct spf *s, const char *name, const struct spf_term *t,
    int counts)
{
	int			 family = s->who.ip.family;
	const struct answer	*a;
	struct dns_addr		 addr;
	size_t			 i;

	if (!name_ok(name))
		return (0);
	if ((a = lookup(s, name, family == AF_INET ? SPF_A : SPF_AAAA)) == NULL)
		return (ASK);
	if (a->status == SPF_FAILED)
		return (10 + SPF_TEMPERROR);
	if (counts && is_void(s, a))
		return (10 + SPF_PERMERROR);
	for (i = 0; i < a->n; i++)
		if (dns_addr_get(span_buf(&a->rdata[i]), family, &addr) == 0 &&
		    in_network(&s->who.ip, &addr, family == AF_INET ?
		    t->cidr4 : t->cidr6))
			return (1);
	return (0);
}

static int
by_mx(struct spf *s, const char *name, const struct spf_term *t)
{
	const struct answer	*a;
	struct buf		 host = { 0 };
	struct span		 d;
	size_t			 i;
	int			 rc = 0;

	if (!name_ok(name))
		return (0);
	if ((a = lookup(s, name, SPF_MX)) == NULL)
		return (ASK);
	if (a->status == SPF_FAILED)
		return (10 + SPF_TEMPERROR);
	if (is_void(s, a) || a->n > SPF_NAMES)
		return (10 + SPF_PERMERROR);
	for (i = 0; i < a->n && rc == 0; i++) {
		d = span_buf(&a->rdata[i]);
		buf_reset(&host);
		if (d.n < 3)
			continue;
		d = span_of(d.p + 2, d.n - 2);
		if (dns_name_get(&d, &host) == 0)
			rc = host_has(s, buf_cstr(&host), t, 0);
	}
	buf_free(&host);
	return (rc);
}

/* Is a name the domain or below it? */
static int
below(const char *name, const char *domain)
{
	size_t	 n = strlen(name), d = strlen(domain);

	return (n >= d && strcasecmp(name + n - d, domain) == 0 &&
	    (n == d || name[n - d - 1] == '.'));
}

/*
 * Names of the address that lead back to it (5.5): one that is the domain or
 * below it, else any for %{p}.  1 there is one below, 0, ASK, TEMPERROR never.
 */
static int
validate(struct spf *s, const char *domain, char *any)
{
	static const struct spf_term	 exact = { .cidr4 = -1, .cidr6 = -1 };
	const struct answer		*a;
	struct buf			 rev = { 0 }, host = { 0 };
	struct span			 d;
	size_t				 i;
	int				 rc = 0, has;

	any[0] = '\0';
	(void)dns_addr_reverse(&s->who.ip, &rev);
	a = lookup(s, buf_cstr(&rev), SPF_PTR);
	buf_free(&rev);
	if (a == NULL)
		return (ASK);
	for (i = 0; i < a->n && i < SPF_NAMES && rc == 0; i++) {
		d = span_buf(&a->rdata[i]);
		buf_reset(&host);
		if (dns_target_get(d, &host) == -1 || host.n > SPF_DOMAIN)
			continue;
		has = host_has(s, buf_cstr(&host), &exact, 0);
		if (has == ASK)
			rc = ASK;
		else if (has == 1 && below(buf_cstr(&host), domain)) {
			snprintf(any, SPF_DOMAIN + 1, "%s", buf_cstr(&host));
			rc = 1;
		} else if (has == 1 && any[0] == '\0')
			snprintf(any, SPF_DOMAIN + 1, "%s", buf_cstr(&host));
	}
	buf_free(&host);
	return (rc);
}

static int
by_ptr(struct spf *s, const char *name)
{
	char	 any[SPF_DOMAIN + 1];

	return (validate(s, name, any));
}

static int
by_exists(struct spf *s, const char *name)
{
	const struct answer	*a;

	if (!name_ok(name))
		return (0);
	if ((a = lookup(s, name, SPF_A)) == NULL)
		return (ASK);
	if (a->status == SPF_FAILED)
		return (10 + SPF_TEMPERROR);
	if (is_void(s, a))
		return (10 + SPF_PERMERROR);
	return (a->n > 0);
}

static int
by_include(struct spf *s, const char *name)
{
	int	 rc = check_host(s, name, 1);

	switch (rc) {
	case ASK:
		return (ASK);
	case SPF_PASS:
		return (1);
	case SPF_TEMPERROR:
		return (10 + SPF_TEMPERROR);
	case SPF_NONE:
		because(s, SPF_PERMERROR, name, "include without a record",
		    span_of("", 0));
		/* FALLTHROUGH */
	case SPF_PERMERROR:
		return (10 + SPF_PERMERROR);
	default:
		return (0);
	}
}

/* Does it match?  1, 0, ASK, 10 + an error. */
static int
matches(struct spf *s, const struct spf_term *t, const char *domain)
{
	struct buf	 name = { 0 };
	const char	*n;
	int		 rc;

	if (t->what == M_ALL)
		return (1);
	if (t->what == M_IP4)
		return (in_network(&s->who.ip, &t->ip, t->cidr4));
	if (t->what == M_IP6)
		return (in_network(&s->who.ip, &t->ip, t->cidr6));
	if (++s->terms > SPF_TERMS) {
		because(s, SPF_PERMERROR, domain, "more than 10 questions, at ",
		    t->text);
		return (10 + SPF_PERMERROR);
	}
	if (spf_macro_wants_name(t->domain) && !s->validation) {
		if (validate(s, domain, s->validated) == ASK)
			return (ASK);
		if (s->validated[0] == '\0')
			strcpy(s->validated, "unknown");
		s->validation = 1;
	}
	if (target(s, t, domain, &name) == -1) {
		buf_free(&name);
		return (10 + SPF_PERMERROR);
	}
	n = buf_cstr(&name);
	rc = t->what == M_A ? host_has(s, n, t, 1) :
	    t->what == M_MX ? by_mx(s, n, t) :
	    t->what == M_PTR ? by_ptr(s, n) :
	    t->what == M_EXISTS ? by_exists(s, n) : by_include(s, n);
	buf_free(&name);
	return (rc);
}

/* ---- records ---- */

/* The one record of a domain into b: SPF_PASS, or what is instead. */
static int
find_record(struct spf *s, const char *domain, struct buf *b)
{
	const struct answer	*a;
	struct buf		 text = { 0 };
	struct span		 t;
	size_t			 i, found = 0;

	if ((a = lookup(s, domain, SPF_TXT)) == NULL)
		return (ASK);
	if (a->status == SPF_FAILED)
		return (because(s, SPF_TEMPERROR, domain, "no answer about ",
		    span_str("TXT records")));
	for (i = 0; i < a->n; i++) {
		buf_reset(&text);
		if (dns_txt_get(span_buf(&a->rdata[i]), &text) == -1)
			continue;
		t = span_buf(&text);
		if (!spf_record_begins(&t))
			continue;
		found++;
		buf_reset(b);
		buf_add_span(b, t);
	}
	buf_free(&text);
	if (found == 0)
		return (because(s, SPF_NONE, domain, "no record",
		    span_of("", 0)));
	if (found > 1)
		return (because(s, SPF_PERMERROR, domain, "several records",
		    span_of("", 0)));
	if (b->n > SPF_RECORD)
		return (because(s, SPF_PERMERROR, domain, "a record too long",
		    span_of("", 0)));
	return (SPF_PASS);
}

/* All of it must be well formed, used or not (4.6). */
static int
syntax(struct spf *s, struct span record, const char *domain,
    struct spf_term *redirect, struct spf_term *exp)
{
	struct spf_term	 t;
	struct buf	 why = { .max = 300 };
	int		 rc, twice = 0;

	memset(redirect, 0, sizeof(*redirect));
	memset(exp, 0, sizeof(*exp));
	while ((rc = spf_term_next(&record, &t, &why)) == 1) {
		if (t.what == M_REDIRECT) {
			twice |= redirect->text.n > 0;
			*redirect = t;
		} else if (t.what == M_EXP) {
			twice |= exp->text.n > 0;
			*exp = t;
		}
	}
	if (rc == 0 && twice)
		buf_adds(&why, "redirect or exp is there twice");
	if (rc == -1 || twice) {
		because(s, SPF_PERMERROR, domain, "", span_buf(&why));
		buf_free(&why);
		return (-1);
	}
	return (0);
}

/* What the domain says to a failure; whatever goes wrong: nothing (6.2). */
static int
explain(struct spf *s, const struct spf_term *exp, const char *domain)
{
	const struct answer	*a = NULL;
	struct buf		 name = { 0 }, text = { 0 };
	size_t			 i;
	int			 rc = 0;

	buf_reset(&s->explanation);
	if (target(s, exp, domain, &name) == 0 && name_ok(buf_cstr(&name)) &&
	    (a = lookup(s, buf_cstr(&name), SPF_TXT)) == NULL)
		rc = ASK;
	else if (a != NULL && a->n == 1 &&
	    dns_txt_get(span_buf(&a->rdata[0]), &text) == 0 &&
	    spf_macro_valid(span_buf(&text), 1)) {
		s->who.validated = s->validation ? s->validated : "unknown";
		(void)spf_macro_expand(span_buf(&text), &s->who, domain, 1,
		    &s->explanation);
		for (i = 0; i < s->explanation.n; i++)
			if (s->explanation.p[i] < 0x20 ||
			    s->explanation.p[i] > 0x7e)
				s->explanation.p[i] = '?';
	}
	buf_free(&name);
	buf_free(&text);
	return (rc);
}

static int
redirected(struct spf *s, const struct spf_term *t, const char *domain,
    int included)
{
	struct buf	 name = { 0 };
	int		 rc;

	if (++s->terms > SPF_TERMS)
		return (because(s, SPF_PERMERROR, domain,
		    "more than 10 questions, at ", t->text));
	if (target(s, t, domain, &name) == -1)
		rc = SPF_PERMERROR;
	else if ((rc = check_host(s, buf_cstr(&name), included)) ==
	    SPF_NONE)
		rc = because(s, SPF_PERMERROR, buf_cstr(&name),
		    "redirect without a record", span_of("", 0));
	buf_free(&name);
	return (rc);
}

static int
evaluate(struct spf *s, struct span record, const char *domain, int included)
{
	struct spf_term	 t, redirect, exp;
	struct buf	 ignored = { .max = 300 };
	struct span	 rest = record;
	int		 rc;

	if (syntax(s, record, domain, &redirect, &exp) == -1)
		return (SPF_PERMERROR);
	while (spf_term_next(&rest, &t, &ignored) == 1) {
		if (t.what >= M_REDIRECT)
			continue;
		if ((rc = matches(s, &t, domain)) == ASK)
			return (ASK);
		if (rc == 10 + SPF_TEMPERROR)
			return (because(s, SPF_TEMPERROR, domain,
			    "no answer for ", t.text));
		if (rc == 10 + SPF_PERMERROR)
			return (s->reason.n > 0 ? SPF_PERMERROR : because(s,
			    SPF_PERMERROR, domain, "too many questions, at ",
			    t.text));
		if (rc == 0) {
			buf_reset(&s->reason);
			continue;
		}
		because(s, t.qualifier, domain, "mechanism ", t.text);
		if (t.qualifier == SPF_FAIL && !included && exp.text.n > 0 &&
		    explain(s, &exp, domain) == ASK)
			return (ASK);
		return (t.qualifier);
	}
	if (redirect.text.n > 0)
		return (redirected(s, &redirect, domain, included));
	return (because(s, SPF_NEUTRAL, domain, "no mechanism matches",
	    span_of("", 0)));
}

static int
check_host(struct spf *s, const char *domain, int included)
{
	struct buf	 record = { 0 };
	int		 rc;

	if (!name_ok(domain) || strchr(domain, '.') == NULL)
		return (because(s, SPF_NONE, domain, "no domain name",
		    span_of("", 0)));
	if (++s->depth > SPF_DEPTH)
		return (because(s, SPF_PERMERROR, domain, "records too deep",
		    span_of("", 0)));
	if ((rc = find_record(s, domain, &record)) == SPF_PASS)
		rc = evaluate(s, span_buf(&record), domain, included);
	s->depth--;
	buf_free(&record);
	return (rc);
}

/* ---- the whole ---- */

struct spf *
spf_new(const struct dns_addr *ip, const char *helo, const char *sender,
    const char *receiver)
{
	struct spf	*s;
	struct buf	 b = { 0 };
	const char	*at;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return (NULL);
	if (sender == NULL || *sender == '\0')
		buf_addf(&b, "postmaster@%s", helo);
	else if ((at = strrchr(sender, '@')) == NULL)
		buf_addf(&b, "postmaster@%s", sender);
	else if (at == sender)
		buf_addf(&b, "postmaster%s", sender);
	else
		buf_adds(&b, sender);
	s->who.ip = *ip;
	s->helo = strdup(helo);
	s->receiver = strdup(receiver);
	s->sender = span_dup(span_buf(&b));
	buf_free(&b);
	if (s->helo == NULL || s->receiver == NULL || s->sender == NULL) {
		spf_free(s);
		return (NULL);
	}
	s->domain = strrchr(s->sender, '@') + 1;
	s->who.helo = s->helo;
	s->who.receiver = s->receiver;
	s->who.local = span_of(s->sender, (size_t)(s->domain - s->sender) - 1);
	s->who.domain = span_str(s->domain);
	return (s);
}

void
spf_free(struct spf *s)
{
	size_t	 i, k;

	if (s == NULL)
		return;
	for (i = 0; i < s->nanswers; i++) {
		for (k = 0; k < s->answers[i].n; k++)
			buf_free(&s->answers[i].rdata[k]);
		free(s->answers[i].rdata);
		free(s->answers[i].name);
	}
	buf_free(&s->reason);
	buf_free(&s->explanation);
	free(s->helo);
	free(s->receiver);
	free(s->sender);
	free(s);
}

enum spf_want
spf_step(struct spf *s, struct spf_question *question)
{
	int	 rc;

	if (s->done)
		return (SPF_DONE);
	s->terms = s->voids = s->depth = 0;
	s->validation = 0;
	buf_reset(&s->reason);
	buf_reset(&s->explanation);
	rc = check_host(s, s->domain, 0);
	if (rc == ASK && s->nanswers < SPF_ANSWERS) {
		question->name = s->name;
		question->type = s->type;
		return (SPF_ASK);
	}
	s->done = 1;
	s->result = rc == ASK ? SPF_PERMERROR : (enum spf_result)rc;
	return (SPF_DONE);
}

void
spf_answer(struct spf *s, enum spf_status status, const struct span *rdata,
    size_t n)
{
	struct answer	*a = &s->answers[s->nanswers];
	size_t		 i;

	if (s->done || s->nanswers == SPF_ANSWERS)
		return;
	memset(a, 0, sizeof(*a));
	a->type = s->type;
	a->status = n == 0 && status == SPF_FOUND ? SPF_NOTHING : status;
	if ((a->name = strdup(s->name)) == NULL) {
		s->done = 1;
		s->result = SPF_TEMPERROR;
		return;
	}
	s->nanswers++;
	if (a->status != SPF_FOUND)
		return;
	if ((a->rdata = calloc(n, sizeof(*a->rdata))) == NULL) {
		a->status = SPF_FAILED;
		return;
	}
	for (i = 0; i < n; i++)
		buf_add_span(&a->rdata[a->n++], rdata[i]);
}

enum spf_result
spf_result(const struct spf *s)
{
	return (s->result);
}

const char *
spf_reason(const struct spf *s)
{
	return (s->reason.n == 0 ? "" : buf_cstr(
	    (struct buf *)(uintptr_t)&s->reason));
}

const char *
spf_explanation(const struct spf *s)
{
	return (s->explanation.n == 0 ? "" : buf_cstr(
	    (struct buf *)(uintptr_t)&s->explanation));
}

unsigned
spf_lookups(const struct spf *s)
{
	return (s->terms);
}
