/*
 * A message as an IMAP server looks at it when it arrives, and a report as a
 * mail system writes it when it cannot deliver.
 */
#include <stdio.h>

#include "charset.h"
#include "compose.h"
#include "fold.h"
#include "header.h"
#include "imap_form.h"
#include "mime.h"
#include "submit.h"
#include "text.h"

static const char	 message[] =
    "Date: Tue, 24 Nov 2026 10:07:42 +0000\r\n"
    "From: =?utf-8?q?Zo=C3=AB?= <zoe@example.org>\r\n"
    "To: Friends: bob@example.net, \"C, D\" <cd@example.com>;\r\n"
    "Subject: =?iso-8859-1?q?Men=FC?= of the day\r\n"
    "Content-Type: multipart/mixed; boundary=\"b\"\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Type: text/html; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "<p>Today: <b>cr=C3=AApes</b> &amp; more.</p>\r\n"
    "--b\r\n"
    "Content-Type: image/png; name=menu.png\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "iVBORw0KGgo=\r\n"
    "--b--\r\n";

static void
show(const char *title, struct buf *b)
{
	printf("%s: %.*s\n", title, (int)b->n, (const char *)b->p);
	buf_reset(b);
}

/* What is computed once, at delivery. */
static void
arrival(struct mime *m, struct buf *b)
{
	message_envelope(b, mime_text(m, m->parts[0].kept), 0);
	show("ENVELOPE", b);
	message_bodystructure(b, m, 0);
	show("BODY", b);
}

/* What clients ask for later. */
static void
later(struct mime *m, struct message_source *src,
    const struct charsets *charsets, struct buf *b)
{
	static const uint32_t	 path[] = { 2 };
	struct span		 s = span_str(message), name = span_str("TO");
	struct buf		 needle = { 0 };
	struct mime_range	 r;

	if (mime_section(m, path, 1, MIME_SECTION_ALL, &r) == 0)
		printf("BODY[2]: %.*s\n", (int)r.n, message + r.at);
	header_select(b, span_of(s.p, header_length(s, NULL)), &name, 1, 0);
	printf("BODY[HEADER.FIELDS (TO)]: %zu octets\n", b->n);
	buf_reset(b);
	message_preview(b, m, src, charsets, 0);
	show("PREVIEW", b);
	fold_text(&needle, span_str("CREPES & More"));
	printf("SEARCH BODY: %d\n", text_find(m, src, charsets,
	    TEXT_SEARCH_BODY, span_buf(&needle)));
	buf_free(&needle);
}

/* "This message was written by": for every address of From. */
static int
author(void *arg, struct span local, struct span host)
{
	(void)arg;
	printf("author: %.*s at %.*s\n", (int)local.n,
	    (const char *)local.p, (int)host.n, (const char *)host.p);
	return (0);
}

static void
report(struct buf *b)
{
	struct dsn_recipient	 r = {
		.final = "nobody@example.net",
		.action = DSN_FAILED,
		.status = "5.1.1",
		.diagnostic = "550 5.1.1 no such user\r\nX-Evil: yes",
	};
	struct dsn		 d = {
		.hostname = "mail.example.org",
		.from_local = "postmaster",
		.from_host = "mail.example.org",
		.to_local = "zoe",
		.to_host = "example.org",
		.subject = "Your message could not be delivered",
		.text = "Nobody of that name is known there.\n",
		.message_id = "<1@mail.example.org>",
		.date = 1795514862,
		.recipients = &r,
		.nrecipients = 1,
		.original = DSN_HEADER,
	};

	dsn_begin(b, &d);
	buf_add(b, message, header_length(span_str(message), NULL));
	dsn_end(b, &d, 1);
	show("report", b);
}

int
main(void)
{
	struct span		 s = span_str(message);
	struct message_source	 src = { message_source_span, &s };
	struct charsets		*charsets = charsets_open();
	struct mime		*m = message_parse(s);
	struct buf		 b = { 0 };

	if (m == NULL || charsets == NULL)
		return (1);
	arrival(m, &b);
	later(m, &src, charsets, &b);
	if (submit_authors(span_of(s.p, header_length(s, NULL)), author,
	    NULL) == -1)
		return (1);
	report(&b);
	mime_free(m);
	charsets_free(charsets);
	buf_free(&b);
	return (0);
}
