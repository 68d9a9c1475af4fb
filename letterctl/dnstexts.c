/*
 * dnscheck: policies of a domain that are texts in DNS.
 */
#include <err.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "dnsask.h"
#include "dnscheck.h"
#include "mtasts.h"

/* A record that is read once, and what is wrong with it: a text, or NULL. */
struct text_check {
	const char	*what, *prefix, *version;
	const char	*record;	/* to publish */
	int		 domain;	/* behind which the domain stands */
	const char	*(*wrong)(struct span);
	void		(*more)(struct ctl *, const char *);	/* or NULL */
};

static const char	*wrong_dmarc(struct span);
static const char	*wrong_mtasts(struct span);
static const char	*wrong_tlsrpt(struct span);
static void		 check_policy(struct ctl *, const char *);

static const struct text_check	 checks[] = {
	{ "DMARC", "_dmarc", "v=DMARC1", "v=DMARC1; p=reject", 0,
	  wrong_dmarc, NULL },
	{ "MTA-STS", "_mta-sts", "v=STSv1", "v=STSv1; id=1", 0,
	  wrong_mtasts, check_policy },
	{ "TLSRPT", "_smtp._tls", "v=TLSRPTv1",
	  "v=TLSRPTv1; rua=mailto:postmaster@", 1, wrong_tlsrpt,
	  NULL },
};

int
text_record(struct ctl *ctl, const char *name, const char *version,
    struct buf *out)
{
	struct dns_answer	 a;
	struct buf		 text = { 0 };
	size_t			 i;
	int			 n = 0, rc;

	rc = dns_ask(ctl, name, "TXT", &a);
	for (i = 0; i < a.n; i++) {
		buf_reset(&text);
		if (dns_txt_get(span_buf(&a.rdata[i]), &text) == -1 ||
		    !span_caseprefix(span_buf(&text), version))
			continue;
		buf_reset(out);
		buf_add_span(out, span_buf(&text));
		n++;
	}
	dns_answer_free(&a);
	buf_free(&text);
	return (rc == -1 ? -1 : n);
}

int
text_tag(struct span s, const char *name, struct span *value)
{
	struct span	 pair, key;

	while (s.n > 0) {
		(void)span_split(&s, ';', &pair);
		if (span_split(&pair, '=', &key) == 1 &&
		    span_eqs(span_trim(key), name)) {
			*value = span_trim(pair);
			return (1);
		}
	}
	return (0);
}

/* RFC 7489 section 6.3. */
static const char *
wrong_dmarc(struct span s)
{
	struct span	 p;

	if (!text_tag(s, "p", &p))
		return ("it says no p=");
	return (span_caseeqs(p, "none") || span_caseeqs(p, "quarantine") ||
	    span_caseeqs(p, "reject") ? NULL :
	    "its p= is not none, quarantine or reject");
}

/* RFC 8460 section 3. */
static const char *
wrong_tlsrpt(struct span s)
{
	struct span	 rua;

	return (text_tag(s, "rua", &rua) ? NULL : "it says no rua=");
}

/* RFC 8461 section 3.1. */
static const char *
wrong_mtasts(struct span s)
{
	struct span	 id;

	return (mtasts_record(&s, 1, &id) == 1 ? NULL : "it is no record of "
	    "MTA-STS: it must be \"v=STSv1; id=\" and letters and digits");
}

/* ---- the policy of MTA-STS ---- */

#define POLICY	"https://mta-sts.%s/.well-known/mta-sts.txt"

struct fetched {
	char	*status, *text;
};

static void
fetched_row(void *arg, struct span json)
{
	struct fetched		*f = arg;
	struct json_object	*o = NULL;
	char			*row = span_dup(json);

	if (row != NULL && f->text == NULL &&
	    (o = json_tokener_parse(row)) != NULL) {
		f->status = strdup(json_object_get_string(
		    json_object_object_get(o, "status")));
		f->text = strdup(json_object_get_string(
		    json_object_object_get(o, "text")));
	}
	if (f->text == NULL || f->status == NULL)
		err(EXIT_REFUSED, NULL);
	json_object_put(o);
	free(row);
}

/* RFC 8461 section 4.1: mail for a domain goes to no server but those. */
static void
check_servers(struct ctl *ctl, const struct mtasts_policy *p,
    const char *domain)
{
	struct dns_answer	 a;
	struct buf		 host = { 0 };
	size_t			 i;

	(void)dns_ask(ctl, domain, "MX", &a);
	for (i = 0; i < a.n; i++) {
		buf_reset(&host);
		if (dns_mx_get(span_buf(&a.rdata[i]), &host) == -1 ||
		    mtasts_match(p, buf_cstr(&host)))
			continue;
		dns_say(p->mode == MTASTS_ENFORCE ? ERROR : WARNING, "MTA-STS",
		    "the policy does not name %s: who keeps to it will not "
		    "deliver there", buf_cstr(&host));
		dns_publish(POLICY "\tmx: %s", domain, buf_cstr(&host));
	}
	dns_answer_free(&a);
	buf_free(&host);
}

static void
check_text_of_policy(struct ctl *ctl, const char *text, const char *domain)
{
	static struct mtasts_policy	 p;
	struct buf			 why = { 0 };

	if (mtasts_parse(span_str(text), &p, &why) == -1)
		dns_say(ERROR, "MTA-STS", "the policy: %s", buf_cstr(&why));
	else {
		dns_say(p.mode == MTASTS_ENFORCE ? OK : WARNING, "MTA-STS",
		    "the policy's mode is %s%s", mtasts_mode_name(p.mode),
		    p.mode == MTASTS_ENFORCE ? "" :
		    ": mail is delivered without TLS, too");
		if (p.mode != MTASTS_NONE)
			check_servers(ctl, &p, domain);
	}
	buf_free(&why);
}

static void
check_policy(struct ctl *ctl, const char *domain)
{
	struct fetched		 f = { 0 };
	struct msg_ctl_arg	 arg = { span_str(domain) };
	struct ctl_ask		 q = { .verb = "dns sts", .args = &arg,
				    .nargs = 1, .stream = -1,
				    .row = fetched_row, .arg = &f };

	if (ctl_ask(ctl, &q) != EXIT_OK || f.status == NULL)
		exit(EXIT_REFUSED);
	if (strcmp(f.status, "policy") == 0)
		check_text_of_policy(ctl, f.text, domain);
	else
		dns_say(ERROR, "MTA-STS", POLICY " cannot be had: %s", domain,
		    *f.text != '\0' ? f.text : "no answer from DNS");
	free(f.status);
	free(f.text);
}

/* ---- the commands ---- */

static void
publish_text(const struct text_check *t, const char *domain)
{
	dns_publish("%s.%s.\tTXT\t\"%s%s\"", t->prefix, domain, t->record,
	    t->domain ? domain : "");
}

static void
check_text(struct ctl *ctl, const struct text_check *t, const char *domain)
{
	struct buf	 name = { 0 }, text = { 0 };
	const char	*wrong = NULL;
	int		 n;

	buf_addf(&name, "%s.%s", t->prefix, domain);
	n = text_record(ctl, buf_cstr(&name), t->version, &text);
	if (n == -1)
		dns_say(ERROR, t->what, "no answer about %s", buf_cstr(&name));
	else if (n == 0)
		dns_say(WARNING, t->what, "%s has no record", buf_cstr(&name));
	else if (n > 1)
		dns_say(ERROR, t->what, "%s has several records: none counts",
		    buf_cstr(&name));
	else if ((wrong = t->wrong(span_buf(&text))) != NULL)
		dns_say(ERROR, t->what, "%s: %s", buf_cstr(&name), wrong);
	else
		dns_say(OK, t->what, "%.200s", buf_cstr(&text));
	if (n == 0 || n > 1 || wrong != NULL)
		publish_text(t, domain);
	else if (n == 1 && t->more != NULL)
		t->more(ctl, domain);
	buf_free(&name);
	buf_free(&text);
}

void
check_texts(struct ctl *ctl, const char *domain)
{
	size_t	 i;

	for (i = 0; i < nitems(checks); i++)
		check_text(ctl, &checks[i], domain);
}

void
publish_texts(const char *domain)
{
	size_t	 i;

	for (i = 0; i < nitems(checks); i++)
		publish_text(&checks[i], domain);
}
