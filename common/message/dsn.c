/*
 * Delivery status notifications: multipart/report with a text, the status in
 * fields, and the original or its header.  Whatever other systems said is on
 * one line, without controls, and of bounded length.
 */
#include <errno.h>
#include <string.h>

#include "compose.h"
#include "date.h"
#include "utf8.h"

static const char	*const actions[] = { "failed", "delayed", "delivered",
    "relayed", "expanded" };

static void	 boundary(struct buf *, const struct dsn *);
static void	 next_part(struct buf *, const struct dsn *);
static int	 is_ascii(const char *);
static void	 tidy(struct buf *, const char *, int);
static void	 field(struct buf *, const char *, const char *, const char *,
		    int);
static void	 date_field(struct buf *, const char *, int64_t);
static void	 address_field(struct buf *, const struct dsn *, const char *,
		    const char *, const char *);
static void	 recipient(struct buf *, const struct dsn *,
		    const struct dsn_recipient *);
static void	 header(struct buf *, const struct dsn *);

const char *
dsn_action_name(enum dsn_action a)
{
	return ((size_t)a < nitems(actions) ? actions[a] : "failed");
}

/* Random octets that the original's sender cannot know. */
static void
boundary(struct buf *b, const struct dsn *d)
{
	buf_adds(b, "=_");
	buf_add_hex(b, span_of(d->random, sizeof(d->random)));
}

static void
next_part(struct buf *b, const struct dsn *d)
{
	buf_adds(b, "\r\n--");
	boundary(b, d);
	buf_adds(b, "\r\n");
}

static int
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return (0);
	return (1);
}

/* On one line, without controls; not ASCII only where utf8. */
static void
tidy(struct buf *b, const char *s, int utf8)
{
	struct span	 v = span_str(s);
	size_t		 begin, i;

	v.n = utf8_cut(v, DSN_VALUE);
	begin = b->n;
	utf8_add_clean(b, v);
	for (i = begin; i < b->n; i++) {
		if (b->p[i] < ' ' || b->p[i] == 0x7f)
			b->p[i] = ' ';
		else if (b->p[i] >= 0x80 && !utf8)
			b->p[i] = '?';
	}
}

/* "Name: type; value". */
static void
field(struct buf *b, const char *name, const char *type, const char *value,
    int utf8)
{
	struct buf	 v = { 0 };

	if (type != NULL) {
		tidy(&v, type, 0);
		buf_adds(&v, "; ");
	}
	tidy(&v, value, utf8);
	compose_raw(b, name, span_buf(&v));
	if (buf_failed(&v))
		b->failed = v.failed;
	buf_free(&v);
}

static void
date_field(struct buf *b, const char *name, int64_t t)
{
	struct buf	 v = { 0 };

	if (t == 0)
		return;
	if (date_write(&v, t, 0) == 0)
		compose_raw(b, name, span_buf(&v));
	buf_free(&v);
}

/*
 * An address with its type.  One that is not ASCII is "utf-8" (RFC 6533
 * section 3); where UTF-8 may not stand its characters are \x{...}.
 */
static void
address_field(struct buf *b, const struct dsn *d, const char *name,
    const char *type, const char *address)
{
	struct buf	 v = { 0 };
	struct span	 s = span_str(address);
	uint32_t	 cp;
	int		 n;

	if (is_ascii(address)) {
		field(b, name, type, address, 0);
		return;
	}
	s.n = utf8_cut(s, DSN_VALUE / 4);
	for (; s.n > 0; s.p += n, s.n -= (size_t)n) {
		if ((n = utf8_decode(s, &cp)) <= 0)
			n = 1;
		if (cp > ' ' && cp != '+' && cp != '=' && cp != '\\' &&
		    cp != 0x7f && (cp < 0x80 || d->utf8))
			utf8_add(&v, cp);
		else
			buf_addf(&v, "\\x{%X}", cp);
	}
	field(b, name, "utf-8", buf_cstr(&v), d->utf8);
	buf_free(&v);
}

static void
recipient(struct buf *b, const struct dsn *d, const struct dsn_recipient *r)
{
	buf_adds(b, "\r\n");
	if (r->original != NULL)
		address_field(b, d, "Original-Recipient",
		    r->original_type == NULL ? "rfc822" : r->original_type,
		    r->original);
	address_field(b, d, "Final-Recipient", "rfc822", r->final);
	field(b, "Action", NULL, dsn_action_name(r->action), 0);
	field(b, "Status", NULL, r->status, 0);
	if (r->remote_mta != NULL)
		field(b, "Remote-MTA", "dns", r->remote_mta, 0);
	if (r->diagnostic != NULL)
		field(b, "Diagnostic-Code", r->diagnostic_type == NULL ?
		    "smtp" : r->diagnostic_type, r->diagnostic, d->utf8);
	date_field(b, "Last-Attempt-Date", r->last_attempt);
	date_field(b, "Will-Retry-Until", r->retry_until);
}

static void
header(struct buf *b, const struct dsn *d)
{
	compose_date(b, d->date, d->zone);
	compose_mailbox(b, "From", span_str(d->from_name == NULL ? "" :
	    d->from_name), span_str(d->from_local), span_str(d->from_host));
	compose_mailbox(b, "To", span_str(""), span_str(d->to_local),
	    span_str(d->to_host));
	compose_field(b, "Subject", span_str(d->subject));
	compose_raw(b, "Message-ID", span_str(d->message_id));
	if (d->references != NULL) {
		compose_raw(b, "In-Reply-To", span_str(d->references));
		compose_raw(b, "References", span_str(d->references));
	}
	buf_adds(b, "Auto-Submitted: auto-replied\r\n"	/* RFC 3834 */
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: multipart/report; report-type=");
	buf_adds(b, d->utf8 ? "global-delivery-status" : "delivery-status");
	buf_adds(b, ";\r\n boundary=\"");
	boundary(b, d);
	buf_adds(b, "\"\r\n");
	if ((d->eightbit && d->original != DSN_NONE) || d->utf8)
		buf_adds(b, "Content-Transfer-Encoding: 8bit\r\n");
	buf_adds(b, "\r\nThis is a report of the mail system, in MIME "
	    "format.\r\n");
}

int
dsn_begin(struct buf *b, const struct dsn *d)
{
	static const char	*const types[2][3] = {
		{ NULL, "text/rfc822-headers", "message/rfc822" },
		{ NULL, "message/global-headers", "message/global" },
	};
	size_t			 i;

	header(b, d);
	next_part(b, d);
	compose_text(b, span_str(d->text));
	next_part(b, d);
	buf_addf(b, "Content-Type: message/%sdelivery-status\r\n%s\r\n",
	    d->utf8 ? "global-" : "",
	    d->utf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	field(b, "Reporting-MTA", "dns", d->hostname, 0);
	if (d->envid != NULL)
		field(b, "Original-Envelope-Id", NULL, d->envid, 0);
	date_field(b, "Arrival-Date", d->arrival);
	if (d->future != NULL)		/* RFC 4865 section 5 */
		field(b, "Future-Release-Request", NULL, d->future, 0);
	for (i = 0; i < d->nrecipients; i++)
		recipient(b, d, &d->recipients[i]);
	if (d->original != DSN_NONE) {
		next_part(b, d);
		buf_addf(b, "Content-Type: %s\r\n",
		    types[d->utf8 != 0][d->original]);
		if (d->eightbit || d->utf8)
			buf_adds(b, "Content-Transfer-Encoding: 8bit\r\n");
		buf_adds(b, "\r\n");
	}
	return (buf_failed(b) ? -1 : 0);
}

int
dsn_end(struct buf *b, const struct dsn *d, int crlf)
{
	if (d->original != DSN_NONE && !crlf)
		buf_adds(b, "\r\n");
	buf_adds(b, d->original == DSN_NONE ? "\r\n--" : "--");
	boundary(b, d);
	buf_adds(b, "--\r\n");
	return (buf_failed(b) ? -1 : 0);
}
