/*
 * The words and fields of a report, RFC 3461 section 6, RFC 3464, RFC 6533.
 */
#include <stdlib.h>
#include <string.h>

#include "date.h"
#include "dns.h"
#include "header.h"
#include "log.h"
#include "msgid.h"
#include "queued/queued.h"
#include "queued/report.h"

/* Strings of one recipient, as C strings. */
struct words {
	struct buf	 type, original, final, status, host, diagnostic;
};

static const struct opening {
	const char	*subject;
	const char	*first;
} texts[] = {
	[REPORT_FAILED] = { "Your message could not be delivered",
	    "Your message could not be delivered to some or all of its "
	    "recipients.\nIt will not be tried again.\n" },
	[REPORT_DELAYED] = { "Your message is delayed",
	    "Your message could not be delivered yet.  You need not send it "
	    "again:\nit will be tried again, and you will be told if that "
	    "fails for good.\n" },
	[REPORT_DONE] = { "Your message was delivered",
	    "You asked for a report of the delivery of your message.\n" },
};
static const struct opening	 relayed = { "Your message was relayed",
    "You asked for a report of the delivery of your message.\n"
    "What was relayed is with a server that sends no such reports: whether "
    "it\narrived is not known here.\n" };

static int
unhex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	return (c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

int
xtext_decode(struct buf *b, struct span s)
{
	int	 hi, lo;

	while (s.n > 0) {
		if (s.p[0] != '+') {
			if (s.p[0] <= ' ' || s.p[0] == 0x7f || s.p[0] == '=')
				return (-1);
			buf_addc(b, s.p[0]);
			s.p++;
			s.n--;
			continue;
		}
		if (s.n < 3 || (hi = unhex(s.p[1])) == -1 ||
		    (lo = unhex(s.p[2])) == -1 || (hi == 0 && lo == 0))
			return (-1);
		buf_addc(b, hi << 4 | lo);
		s.p += 3;
		s.n -= 3;
	}
	return (buf_failed(b) ? -1 : 0);
}

static enum dsn_action
action(const struct rec_rcpt *r)
{
	switch (r->state) {
	case RS_FAILED:
		return (DSN_FAILED);
	case RS_DELIVERED:
		return (DSN_DELIVERED);
	case RS_RELAYED:
		return (DSN_RELAYED);
	default:
		return (DSN_DELAYED);
	}
}

/* Its last word was "later", and then patience was at its end. */
static int
expired(const struct rec_rcpt *r)
{
	return (r->state == RS_FAILED && (r->enhanced.n > 0 ?
	    r->enhanced.p[0] == '4' : r->code / 100 == 4));
}

/*
 * Did the other side say it?  What we found out ourselves has no code, but
 * those of RFC 8689 and of "fail".
 */
static int
theirs(const struct rec_rcpt *r)
{
	return (r->code != 0 && r->host.n > 0 && !(r->code == 554 &&
	    span_eqs(r->enhanced, "5.7.30")));
}

/* A code of the class that the action has. */
static void
status(struct buf *b, const struct rec_rcpt *r)
{
	static const char	 class[] = { [DSN_FAILED] = '5',
				    [DSN_DELAYED] = '4',
				    [DSN_DELIVERED] = '2',
				    [DSN_RELAYED] = '2' };
	char			 c = class[action(r)];

	if (expired(r))			/* RFC 3463 section 3.5 */
		buf_adds(b, "5.4.7");
	else if (r->enhanced.n >= 5 && r->enhanced.p[1] == '.') {
		buf_addc(b, c);
		buf_add(b, r->enhanced.p + 1, r->enhanced.n - 1);
	} else
		buf_addf(b, "%c.0.0", c);
}

/* For Remote-MTA: a name, or an address in brackets; of a socket nothing. */
static void
remote(struct buf *b, struct span host)
{
	struct dns_addr	 a;
	char		 text[DNS_ADDR_TEXT];

	if (host.n > 0 && host.p[0] == '/')
		return;
	if (dns_addr_parse(host, &a) == 0)
		buf_addf(b, "[%s%s]", a.family == AF_INET6 ? "IPv6:" : "",
		    dns_addr_text(&a, text));
	else
		buf_add_span(b, host);
}

static void
words(struct words *w, const struct rec_rcpt *r)
{
	struct span	 s = r->orcpt, type;

	memset(w, 0, sizeof(*w));
	if (s.n > 0 && span_split(&s, ';', &type) == 1) {
		buf_add_span(&w->type, type);
		if (xtext_decode(&w->original, s) == -1)
			buf_reset(&w->original);
	}
	buf_add_span(&w->final, r->address);
	status(&w->status, r);
	if (theirs(r))
		remote(&w->host, r->host);
	if (r->code != 0)
		buf_addf(&w->diagnostic, "%u ", r->code);
	/* x.0.0 stands for none */
	if (r->code != 0 && r->enhanced.n > 0 && !(r->enhanced.n == 5 &&
	    memcmp(r->enhanced.p + 1, ".0.0", 4) == 0)) {
		buf_add_span(&w->diagnostic, r->enhanced);
		buf_addc(&w->diagnostic, ' ');
	}
	buf_add_span(&w->diagnostic, r->text);
}

static void
words_free(struct words *w)
{
	buf_free(&w->type);
	buf_free(&w->original);
	buf_free(&w->final);
	buf_free(&w->status);
	buf_free(&w->host);
	buf_free(&w->diagnostic);
}

static const struct opening *
opening(const struct report_in *in)
{
	size_t	 i;

	for (i = 0; i < in->n; i++)
		if (in->r[i].r.state == RS_RELAYED)
			return (&relayed);
	return (&texts[in->kind]);
}

/* What stands in the text: one line, whatever the other side said. */
static void
say(struct buf *b, struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		buf_addc(b, s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i]);
}

static void
text(struct buf *b, const struct report_in *in)
{
	struct words	 w;
	size_t		 i;

	buf_addf(b, "This is the mail system of %s.\n\n%s", in->hostname,
	    opening(in)->first);
	if (in->kind == REPORT_DELAYED) {
		buf_adds(b, "That would be after ");
		(void)date_write(b, in->until, 0);
		buf_adds(b, ".\n");
	}
	buf_adds(b, "\n");
	for (i = 0; i < in->n; i++) {
		words(&w, &in->r[i].r);
		buf_adds(b, "<");
		say(b, span_buf(&w.final));
		buf_addf(b, ">: %s", dsn_action_name(action(&in->r[i].r)));
		if (expired(&in->r[i].r))
			buf_adds(b, ", it took too long");
		if (w.host.n > 0) {
			buf_adds(b, "; ");
			say(b, span_buf(&w.host));
			buf_adds(b, " said:");
		}
		if (w.diagnostic.n > 0) {
			buf_adds(b, "\n    ");
			say(b, span_buf(&w.diagnostic));
		}
		buf_adds(b, "\n");
		words_free(&w);
	}
}

static void
fill(struct dsn_recipient *d, struct words *w, const struct report_in *in,
    const struct rec_rcpt *r)
{
	if (w->type.n > 0 && w->original.n > 0) {
		d->original_type = buf_cstr(&w->type);
		d->original = buf_cstr(&w->original);
	}
	d->final = buf_cstr(&w->final);
	d->action = action(r);
	d->status = buf_cstr(&w->status);
	if (w->host.n > 0)
		d->remote_mta = buf_cstr(&w->host);
	if (w->diagnostic.n > 0 && d->action != DSN_DELIVERED) {
		d->diagnostic = buf_cstr(&w->diagnostic);
		d->diagnostic_type = theirs(r) ? "smtp" : "x-letterlock";
	}
	if (r->last != 0)
		d->last_attempt = (int64_t)r->last + in->clock;
	if (d->action == DSN_DELAYED)
		d->retry_until = in->until;
}

static int
eight_bits(struct span s)
{
	while (s.n > 0)
		if (s.p[--s.n] >= 0x80)
			return (1);
	return (0);
}

/* Which part of the original goes along, RFC 3461 section 4.3. */
static struct span
original(const struct report_in *in, struct dsn *d)
{
	struct span	 s = in->original;

	d->original = DSN_HEADER;
	/* RFC 8689 section 5: RET=FULL does not count with REQUIRETLS */
	if (in->kind == REPORT_FAILED && in->m->r.ret == 1 && in->whole &&
	    in->m->r.requiretls != REQUIRETLS_ALL)
		d->original = DSN_MESSAGE;
	else
		s.n = header_length(s, NULL);
	if (d->original == DSN_HEADER && s.n >= 2 && s.p[s.n - 1] == '\n') {
		/* the empty line is the body's */
		s.n -= s.p[s.n - 2] == '\r' ? 2 : 1;
	}
	d->eightbit = eight_bits(s);
	return (s);
}

static void
references(struct buf *b, struct span header)
{
	struct header_field	 f;
	struct span		 id;

	if (header_find(header, "Message-ID", 0, &f) == 1 &&
	    msgid_next(&f.value, &id) == 1) {
		buf_addc(b, '<');
		buf_add_span(b, id);
		buf_addc(b, '>');
	}
}

int
report_write(struct buf *b, const struct report_in *in)
{
	struct dsn		 d = { 0 };
	struct dsn_recipient	*v = calloc(in->n, sizeof(*v));
	struct words		*w = calloc(in->n, sizeof(*w));
	struct buf		 to = { 0 }, host = { 0 }, words_ = { 0 },
				 id = { 0 }, ref = { 0 }, envid = { 0 },
				 future = { 0 };
	struct span		 domain = address_domain(in->to), orig;
	size_t			 i;

	if (v == NULL || w == NULL)
		goto out;
	for (i = 0; i < in->n; i++) {
		words(&w[i], &in->r[i].r);
		fill(&v[i], &w[i], in, &in->r[i].r);
	}
	buf_add_span(&host, domain);
	buf_add(&to, in->to.p, in->to.n - domain.n - (domain.n > 0));
	text(&words_, in);
	msgid_write(&id, (uint64_t)in->now, in->random, in->hostname);
	references(&ref, in->original);
	if (in->m->r.envid.n > 0 && xtext_decode(&envid, in->m->r.envid) == 0)
		d.envid = buf_cstr(&envid);
	if (in->m->r.future.n > 0)
		buf_add_span(&future, in->m->r.future);
	d.future = future.n > 0 ? buf_cstr(&future) : NULL;
	d.hostname = d.from_host = in->hostname;
	d.from_name = "Mail system";
	d.from_local = "postmaster";
	d.to_local = buf_cstr(&to);
	d.to_host = buf_cstr(&host);
	d.subject = opening(in)->subject;
	d.text = buf_cstr(&words_);
	d.message_id = buf_cstr(&id);
	d.references = ref.n > 0 ? buf_cstr(&ref) : NULL;
	d.date = in->now;
	d.arrival = in->arrival;
	d.recipients = v;
	d.nrecipients = in->n;
	d.utf8 = in->m->r.utf8;
	memcpy(d.random, in->random, sizeof(d.random));
	orig = original(in, &d);
	dsn_begin(b, &d);
	compose_lines(b, orig);
	dsn_end(b, &d, orig.n == 0 || orig.p[orig.n - 1] == '\n');
out:
	for (i = 0; w != NULL && i < in->n; i++)
		words_free(&w[i]);
	buf_free(&to);
	buf_free(&host);
	buf_free(&words_);
	buf_free(&id);
	buf_free(&ref);
	buf_free(&envid);
	buf_free(&future);
	free(v);
	free(w);
	return (b->n == 0 || buf_failed(b) ? -1 : 0);
}
