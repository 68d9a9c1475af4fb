/* Writing messages, reports, and headers at submission. */
#include <errno.h>

#include "compose.h"
#include "header.h"
#include "imap_form.h"
#include "mime.h"
#include "sexp.h"
#include "submit.h"
#include "test.h"

/* CRLF only, no NUL, no line over 998 octets. */
static int
clean(struct span s)
{
	size_t	 i, col = 0;

	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '\0' || (s.p[i] == '\n' &&
		    (i == 0 || s.p[i - 1] != '\r')) || (s.p[i] == '\r' &&
		    (i + 1 == s.n || s.p[i + 1] != '\n')))
			return (0);
		col = s.p[i] == '\n' ? 0 : col + 1;
		if (col > 999)
			return (0);
	}
	return (1);
}

static void
test_fields(void)
{
	static const struct {
		const char	*value, *field, *raw;
	} t[] = {
		{ "plain", "X: plain\r\n", "X: plain\r\n" },
		{ "", "X: \r\n", "X: \r\n" },
		{ "a\r\nBcc: b", "X: a  Bcc: b\r\n", "X: a Bcc: b\r\n" },
		{ "a\rb\nc", "X: a b c\r\n", "X: a b c\r\n" },
		{ "Gr\303\274n", "X: =?utf-8?q?Gr=C3=BCn?=\r\n",
		    "X: Gr\303\274n\r\n" },
		{ "<aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b> "
		    "<cccccccccccccccccccccccccccccc@d> "
		    "<eeeeeeeeeeeeeeeeee@f>", NULL,
		    "X: <aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b> "
		    "<cccccccccccccccccccccccccccccc@d>\r\n"
		    " <eeeeeeeeeeeeeeeeee@f>\r\n" },
	};
	struct buf	 b = { 0 }, in = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		compose_field(&b, "X", span_str(t[i].value));
		CHECK(clean(span_buf(&b)) && (t[i].field == NULL ||
		    span_eqs(span_buf(&b), t[i].field)), "%s", buf_cstr(&b));
		buf_reset(&b);
		compose_raw(&b, "X", span_str(t[i].value));
		CHECK(clean(span_buf(&b)) &&
		    span_eqs(span_buf(&b), t[i].raw), "%s", buf_cstr(&b));
	}
	for (i = 0; i < 10000; i++)
		buf_addc(&in, 'x');
	buf_reset(&b);
	compose_raw(&b, "X", span_buf(&in));
	CHECK(clean(span_buf(&b)), "a word of 10,000 octets, raw");
	buf_reset(&b);
	compose_field(&b, "X", span_buf(&in));
	CHECK(clean(span_buf(&b)), "a word of 10,000 octets");
	buf_free(&b);
	buf_free(&in);
}

static void
test_text(void)
{
	static const struct {
		const char	*in, *want;	/* behind the header */
		int		 qp;
	} t[] = {
		{ "", "", 0 },
		{ "a", "a\r\n", 0 },
		{ "a\nb\r\nc\rd\n", "a\r\nb\r\nc\r\nd\r\n", 0 },
		{ "Gr\303\274n", "Gr=C3=BCn\r\n", 1 },
		{ "a\033b", "a=1Bb\r\n", 1 },
		{ ".\n", ".\r\n", 0 },
		{ ".\303\251\n", "=2E=C3=A9\r\n", 1 },
	};
	struct buf	 b = { 0 };
	size_t		 i, n;

	for (i = 0; i < nitems(t); i++) {
		buf_reset(&b);
		compose_text(&b, span_str(t[i].in));
		n = header_length(span_buf(&b), NULL);
		CHECK(clean(span_buf(&b)) && span_eqs(span_of(b.p + n,
		    b.n - n), t[i].want) && (memmem(b.p, n, "quoted", 6) !=
		    NULL) == t[i].qp, "text %zu: %s", i, buf_cstr(&b));
	}
	buf_free(&b);
}

#define ORIGINAL "From: a@b\r\nSubject: x\r\n\r\n"

static void
test_dsn(void)
{
	static const char	 evil[] = "550 5.1.1 no\r\nAction: delivered\r\n"
	    "\r\n--=_00\r\n\001\377<b>";
	struct dsn_recipient	 r[3] = {
		{ .original_type = "rfc822", .original = "o@x.example",
		  .final = "f@x.example", .action = DSN_FAILED,
		  .status = "5.1.1", .remote_mta = "mx.x.example",
		  .diagnostic = "550 5.1.1 unknown", .last_attempt = 1795514862
		},
		{ .final = "\303\251@x.example", .action = DSN_DELAYED,
		  .status = "4.4.1", .retry_until = 1795514862 },
		{ .final = "g@x.example\r\nStatus: 2.0.0",
		  .original = "h\r\n.\r\n", .action = DSN_FAILED,
		  .status = "5.0.0\r\nX: y", .remote_mta = "a\nb",
		  .diagnostic = evil },
	};
	struct dsn		 d = {
		.hostname = "mail.example.org", .from_name = "Mail system",
		.from_local = "postmaster", .from_host = "mail.example.org",
		.to_local = "a", .to_host = "b",
		.subject = "Not delivered", .text = "Sorry.\n",
		.envid = "e1", .message_id = "<m@mail.example.org>",
		.references = "<o@b>\r\nX: y", .date = 1795514862, .zone = 60,
		.arrival = 1795514800, .recipients = r, .nrecipients = 3,
		.random = { 0xde, 0xad },
	};
	struct header_field	 f;
	struct buf		 b = { 0 }, s = { 0 };
	struct mime		*m;
	struct mime_range	 rg;
	struct span		 status;
	uint32_t		 path[1];
	size_t			 k;
	int			 utf8, kind;

	for (utf8 = 0; utf8 < 2; utf8++)
		for (kind = DSN_NONE; kind <= DSN_MESSAGE; kind++) {
			d.utf8 = utf8;
			d.original = (enum dsn_original)kind;
			d.eightbit = kind == DSN_MESSAGE;
			buf_reset(&b);
			dsn_begin(&b, &d);
			if (kind != DSN_NONE)
				buf_adds(&b, ORIGINAL);
			dsn_end(&b, &d, 1);
			CHECK(!buf_failed(&b) && clean(span_buf(&b)),
			    "report utf8 %d original %d is clean", utf8, kind);
			m = message_parse(span_buf(&b));
			CHECK(m->parts[0].children == (kind == DSN_NONE ? 2u :
			    3u) && span_eqs(mime_text(m, m->parts[0].subtype),
			    "report"), "%u parts", m->parts[0].children);
			buf_reset(&s);
			message_bodystructure(&s, m, IMAP_FORM_EXTENDED);
			CHECK(sexp_body(span_buf(&s), 1), "structure: %s",
			    buf_cstr(&s));
			path[0] = 2;
			(void)mime_section(m, path, 1, MIME_SECTION_ALL, &rg);
			status = span_of(b.p + rg.at, (size_t)rg.n);
			/* three recipients, each field once in a group */
			for (k = 0; status.n > 0; k++) {
				int	 actions = 0, n = 0;

				for (; header_next(&status, &f); n++)
					actions += span_caseeqs(f.name,
					    "action") || f.name.n == 0;
				CHECK(k > 3 || actions == (k > 0),
				    "group %zu: %d fields, %d actions", k, n,
				    actions);
				if (status.n < 2)
					break;
				status.p += 2;
				status.n -= 2;
			}
			CHECK(k == 3, "%zu groups", k);
			mime_free(m);
		}
	d.utf8 = 0;
	buf_reset(&b);
	dsn_begin(&b, &d);
	CHECK(memmem(b.p, b.n, "utf-8; \\x{E9}@x.example", 23) != NULL,
	    "an address in ASCII");
	if (getenv("SHOW") != NULL)
		fwrite(b.p, 1, b.n, stderr);
	buf_free(&b);
	buf_free(&s);
}

static int
collect(void *arg, struct span local, struct span host)
{
	struct buf	*b = arg;

	buf_add_span(b, local);
	buf_addc(b, '@');
	buf_add_span(b, host);
	buf_addc(b, ' ');
	return (0);
}

static void
test_submit(void)
{
	static const struct {
		const char	*in, *want;	/* NULL: refused */
	} authors[] = {
		{ "From: a@b\r\n\r\n", "a@b " },
		{ "From: A <a@b>, c@d\r\nSender: a@b\r\n\r\n",
		    "a@b c@d a@b " },
		{ "To: a@b\r\n\r\n", NULL },
		{ "From: a@b\r\nFrom: a@b\r\n\r\n", NULL },
		{ "From: a@b\r\nSender: c@d\r\nSender: e@f\r\n\r\n", NULL },
		{ "From: a@b, c\r\n\r\n", NULL },
		{ "From: \r\n\r\n", NULL },
		{ "From: g: a@b;\r\n\r\n", NULL },
		{ "From: \"a@b\r\n\r\n", NULL },
		{ "From: <a@b> c@d\r\n\r\n", NULL },
		{ "From: a@b <c@d>\r\n\r\n", NULL },
		{ "From: <@x:a@b>\r\n\r\n", NULL },
		{ "From: a@b\rX: c\r\n\r\n", NULL },
		{ "From : a@b\r\n\r\n", "a@b " },
		{ " From: x@y\r\nFrom: a@b\r\n\r\n", "a@b " },
		{ "X: y\r\n\r\nFrom: a@b\r\n", NULL },
		{ "From: a@b\r\nSender:\r\n\r\n", NULL },
	};
	static const struct {
		const char	*in, *want;
	} headers[] = {
		{ "From: a@b\r\nBcc: x@y,\r\n z@z\r\nTo: c@d\r\n\r\n",
		    "From: a@b\r\nTo: c@d\r\nDate: D\r\nMessage-ID: <M>\r\n"
		    "\r\n" },
		{ "Date: x\r\nMESSAGE-id : <y>\r\nresent-bcc: a\r\n\r\n",
		    "Date: x\r\nMESSAGE-id : <y>\r\n\r\n" },
		{ "Date: x\r\nMessage-ID: <y>", "Date: x\r\nMessage-ID: <y>"
		    "\r\n\r\n" },
		{ "", "Date: D\r\nMessage-ID: <M>\r\n\r\n" },
		{ "Return-Path: <e@f>\r\nDate: x\r\nMessage-ID: y\r\n\r\n",
		    "Date: x\r\nMessage-ID: y\r\n\r\n" },
	};
	struct submit_facts	 sf;
	struct buf		 b = { 0 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(authors); i++) {
		buf_reset(&b);
		rc = submit_authors(span_str(authors[i].in), collect, &b);
		CHECK(authors[i].want == NULL ? rc == -1 && errno == EINVAL :
		    rc == 0 && span_eqs(span_buf(&b), authors[i].want),
		    "%s: %d %s", authors[i].in, rc, buf_cstr(&b));
	}
	for (i = 0; i < nitems(headers); i++) {
		buf_reset(&b);
		submit_header(&b, span_str(headers[i].in), "D", "<M>");
		CHECK(span_eqs(span_buf(&b), headers[i].want), "%s",
		    buf_cstr(&b));
	}
	buf_reset(&b);
	for (i = 0; i < 101; i++)
		buf_adds(&b, "Received: x\r\n");
	buf_adds(&b, "junk\r\nFrom: a@b, c@d\r\nBcc: x\r\n\r\n");
	submit_facts(span_buf(&b), &sf);
	CHECK(sf.received == 101 && sf.from == 1 && sf.addresses == 2 &&
	    sf.bcc == 1 && sf.broken == 1 && sf.date == 0 && !sf.dirty &&
	    sf.complete, "facts");
	submit_facts(span_str("Subject: a\rBcc: x\r\n"), &sf);
	CHECK(sf.dirty && !sf.complete, "a bare CR shows");
	buf_free(&b);
}

int
main(void)
{
	test_fields();
	test_text();
	test_dsn();
	test_submit();
	return (test_done());
}
