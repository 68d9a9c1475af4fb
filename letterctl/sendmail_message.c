/*
 * A message as programs write it, made into one that can be submitted.
 */
#include <string.h>
#include <sysexits.h>

#include "compose.h"
#include "date.h"
#include "header.h"
#include "letterctl/sendmail.h"
#include "msgid.h"
#include "submit.h"

static int	 lone_dot(const struct buf *, size_t);
static size_t	 end_of_header(struct span);
static int	 resent(struct span);
static int	 recipients(struct sendmail_list *, struct span, struct buf *);
static void	 added(struct buf *, struct span, const struct sendmail_facts *,
		    struct span, struct span);

/* Is what begins there a line of one dot, with or without its end? */
static int
lone_dot(const struct buf *b, size_t at)
{
	struct span	 s = span_of(b->p + at, b->n - at);

	return (span_eqs(s, ".\n") || span_eqs(s, ".\r\n") ||
	    span_eqs(s, "."));
}

int
sendmail_read(struct buf *out, FILE *f, int dots, struct buf *why)
{
	size_t	 line = 0;
	int	 c;

	out->max = SENDMAIL_MESSAGE;
	do {
		c = getc(f);
		if (c != EOF && buf_addc(out, c) == -1) {
			buf_addf(why, "the message is longer than %u octets",
			    SENDMAIL_MESSAGE);
			return (EX_DATAERR);
		}
		if (c != EOF && c != '\n')
			continue;
		if (!dots && out->n > line && lone_dot(out, line)) {
			buf_truncate(out, line);
			return (0);
		}
		line = out->n;
	} while (c != EOF);
	if (ferror(f)) {
		buf_adds(why, "the message cannot be read");
		return (EX_IOERR);
	}
	return (0);
}

/* The first line that is neither a field nor the rest of one begins the text. */
static size_t
end_of_header(struct span raw)
{
	struct header_field	 f;
	struct span		 left = raw, line;

	while (left.n > 0) {
		line = left;
		if (left.p[0] == '\n' || (left.n > 1 && left.p[0] == '\r' &&
		    left.p[1] == '\n') || !header_next(&left, &f) ||
		    f.name.n == 0)
			return ((size_t)(line.p - raw.p));
	}
	return (raw.n);
}

/* Sent again, RFC 5322 section 3.6.6: then the other recipients had it. */
static int
resent(struct span h)
{
	return (header_count(h, "Resent-To") + header_count(h, "Resent-Cc") +
	    header_count(h, "Resent-Bcc") > 0);
}

static int
recipients(struct sendmail_list *l, struct span h, struct buf *why)
{
	static const char *const	 names[2][3] = {
		{ "To", "Cc", "Bcc" },
		{ "Resent-To", "Resent-Cc", "Resent-Bcc" },
	};
	struct header_field	 f;
	size_t			 i;
	int			 again = resent(h);

	while (header_next(&h, &f))
		for (i = 0; i < 3; i++)
			if (span_caseeqs(f.name, names[again][i]) &&
			    sendmail_addresses(l, f.value, why) == -1)
				return (EX_DATAERR);
	return (0);
}

/* What a message must have and this one does not, but Date and Message-ID. */
static void
added(struct buf *out, struct span h, const struct sendmail_facts *facts,
    struct span date, struct span id)
{
	if (resent(h)) {
		if (header_count(h, "Resent-From") == 0)
			compose_raw(out, "Resent-From", facts->from);
		if (header_count(h, "Resent-Date") == 0)
			compose_raw(out, "Resent-Date", date);
		if (header_count(h, "Resent-Message-ID") == 0)
			compose_raw(out, "Resent-Message-ID", id);
	}
	if (header_count(h, "From") == 0)
		compose_raw(out, "From", facts->from);
	if (facts->tls_optional && header_count(h, "TLS-Required") == 0)
		buf_adds(out, "TLS-Required: No\r\n");	/* RFC 8689, 5 */
}

int
sendmail_compose(struct sendmail_message *m, struct span raw,
    const struct sendmail_facts *facts, struct buf *why)
{
	struct buf	 date = { 0 }, id = { 0 }, head = { 0 };
	struct span	 line, rest, h;
	size_t		 n, i;
	int		 rc = 0;

	memset(m, 0, sizeof(*m));
	if (raw.n == 0)
		raw = span_str("");
	/* The separator of a mailbox file, which some programs leave there. */
	if (raw.n > 5 && memcmp(raw.p, "From ", 5) == 0)
		(void)span_split(&raw, '\n', &line);
	n = end_of_header(raw);
	if (n > SENDMAIL_HEADER) {
		buf_addf(why, "the header is longer than %u octets",
		    SENDMAIL_HEADER);
		return (EX_DATAERR);
	}
	h = span_of(raw.p, n);
	rest = span_of(raw.p + n, raw.n - n);
	if (rest.n > 0 && rest.p[0] == '\r' && rest.n > 1 && rest.p[1] == '\n')
		rest = span_of(rest.p + 2, rest.n - 2);
	else if (rest.n > 0 && rest.p[0] == '\n')
		rest = span_of(rest.p + 1, rest.n - 1);
	if (facts->recipients)
		rc = recipients(&m->rcpts, h, why);
	date_write(&date, facts->now, facts->zone);
	msgid_write(&id, (uint64_t)facts->now, facts->random, facts->host);
	added(&head, h, facts, span_buf(&date), span_buf(&id));
	compose_lines(&head, h);
	if (rc == 0 && (submit_header(&m->text, span_buf(&head),
	    buf_cstr(&date), buf_cstr(&id)) == -1 || buf_failed(&head))) {
		buf_adds(why, "no memory");
		rc = EX_OSERR;
	}
	for (i = 0; i < m->text.n; i++)
		m->header8 |= m->text.p[i] > 127;
	if (rc == 0 && compose_lines(&m->text, rest) == -1) {
		buf_adds(why, "no memory");
		rc = EX_OSERR;
	}
	for (i = 0; i < m->text.n; i++)
		m->eightbit |= m->text.p[i] > 127;
	buf_free(&date);
	buf_free(&id);
	buf_free(&head);
	return (rc);
}

void
sendmail_message_free(struct sendmail_message *m)
{
	buf_free(&m->text);
	sendmail_list_free(&m->rcpts);
}
