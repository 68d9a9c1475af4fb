/* ENVELOPE, BODY and BODYSTRUCTURE: the wire form, from anything. */
#include "imap_form.h"
#include "sexp.h"
#include "test.h"

#define NO6	"NIL NIL NIL NIL NIL NIL"

static const struct {
	const char	*name, *in;
	size_t		 n;		/* 0: strlen */
	unsigned	 flags;
	const char	*want;
} envelopes[] = {
	{ "nothing", "", 0, 0, "(NIL NIL " NO6 " NIL NIL)" },
	{ "usual", "Date: Tue, 24 Nov 2026 10:07:42 +0000\r\n"
	    "From: A B <a@b>\r\nTo: c@d, E <e@f>\r\nSubject: hi\r\n there\r\n"
	    "Message-ID: <x@y>\r\nIn-Reply-To: <p@q> <r@s>\r\n\r\n", 0, 0,
	    "(\"Tue, 24 Nov 2026 10:07:42 +0000\" \"hi there\" "
	    "((\"A B\" NIL \"a\" \"b\")) ((\"A B\" NIL \"a\" \"b\")) "
	    "((\"A B\" NIL \"a\" \"b\")) "
	    "((NIL NIL \"c\" \"d\")(\"E\" NIL \"e\" \"f\")) NIL NIL "
	    "\"<p@q> <r@s>\" \"<x@y>\")" },
	{ "sender, reply-to", "From: a@b\r\nSender: c@d\r\nReply-To: e@f\r\n",
	    0, 0, "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) "
	    "((NIL NIL \"e\" \"f\")) NIL NIL NIL NIL NIL)" },
	{ "empty reply-to is from", "From: a@b\r\nReply-To: \r\n", 0, 0,
	    "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) "
	    "((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)" },
	{ "two To", "To: a@b\r\nTo: c@d\r\nFrom: x@y\r\nFrom: z@z\r\n", 0, 0,
	    "(NIL NIL ((NIL NIL \"x\" \"y\")) ((NIL NIL \"x\" \"y\")) "
	    "((NIL NIL \"x\" \"y\")) "
	    "((NIL NIL \"a\" \"b\")(NIL NIL \"c\" \"d\")) NIL NIL NIL NIL)" },
	{ "group", "To: G: a@b;, u:;\r\n", 0, 0, "(NIL NIL NIL NIL NIL "
	    "((NIL NIL \"G\" NIL)(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)"
	    "(NIL NIL \"u\" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL)" },
	{ "route", "Cc: <@x,@y:a@b>\r\n", 0, 0, "(NIL NIL NIL NIL NIL NIL "
	    "((NIL \"@x,@y\" \"a\" \"b\")) NIL NIL NIL)" },
	{ "no host is no group", "Bcc: root\r\n", 0, 0, "(NIL NIL NIL NIL NIL "
	    "NIL NIL ((NIL NIL \"root\" \"\")) NIL NIL)" },
	{ "quotes", "Subject: \"a\\b\"\r\n", 0, 0,
	    "(NIL \"\\\"a\\\\b\\\"\" " NO6 " NIL NIL)" },
	{ "bare CR, NUL", "Subject: a\rb\0c\r\n", 16, 0,
	    "(NIL \"a b c\" " NO6 " NIL NIL)" },
	{ "8 bit is a literal", "Subject: \303\251\r\n", 0, 0,
	    "(NIL {2}\r\n\303\251 " NO6 " NIL NIL)" },
	{ "but not with UTF8", "Subject: \303\251\r\n", 0, IMAP_FORM_UTF8,
	    "(NIL \"\303\251\" " NO6 " NIL NIL)" },
	{ "unless it is none", "Subject: \303\r\n", 0, IMAP_FORM_UTF8,
	    "(NIL {1}\r\n\303 " NO6 " NIL NIL)" },
	{ "control is a literal", "Subject: a\033b\r\n", 0, 0,
	    "(NIL {3}\r\na\033b " NO6 " NIL NIL)" },
	{ "empty subject", "Subject:\r\n", 0, 0,
	    "(NIL \"\" " NO6 " NIL NIL)" },
	{ "what looks like a literal", "Subject: {5}\r\n", 0, 0,
	    "(NIL \"{5}\" " NO6 " NIL NIL)" },
};

#define PLAIN	"\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\""

static const struct {
	const char	*name, *in, *body, *structure;	/* NULL: not checked */
} structures[] = {
	{ "empty", "", "(" PLAIN " 0 0)", "(" PLAIN " 0 0 NIL NIL NIL NIL)" },
	{ "text", "Content-Type: TEXT/Html; Charset=\"utf-8\"\r\n"
	    "Content-Transfer-Encoding: Quoted-Printable (x)\r\n"
	    "Content-ID: <a@b>\r\nContent-Description: d \"e\"\r\n"
	    "Content-MD5: Q2hlY2s=\r\nContent-Language: en, de\r\n"
	    "Content-Location: http://x/\r\n"
	    "Content-Disposition: inline; filename=\"a b\"\r\n\r\nx\r\ny\r\n",
	    "(\"text\" \"html\" (\"Charset\" \"utf-8\") \"<a@b>\" "
	    "\"d \\\"e\\\"\" \"quoted-printable\" 6 2)",
	    "(\"text\" \"html\" (\"Charset\" \"utf-8\") \"<a@b>\" "
	    "\"d \\\"e\\\"\" \"quoted-printable\" 6 2 \"Q2hlY2s=\" (\"inline\" "
	    "(\"filename\" \"a b\")) (\"en\" \"de\") \"http://x/\")" },
	{ "other", "Content-Type: image/png\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n",
	    "(\"image\" \"png\" NIL NIL NIL \"base64\" 6)",
	    "(\"image\" \"png\" NIL NIL NIL \"base64\" 6 NIL NIL NIL NIL)" },
	{ "unknown encoding", "Content-Transfer-Encoding: x-uu\r\n\r\n",
	    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"x-uu\" "
	    "0 0)", NULL },
	{ "injection", "Content-Type: text/plain; x=\"\r\n ) bad\"\r\n"
	    "Content-ID: a\r)\r\n\r\n",
	    "(\"text\" \"plain\" (\"x\" \" ) bad\") \"a )\" NIL \"7bit\" 0 0)",
	    NULL },
	{ "multipart", "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	    "--b\r\n\r\none\r\n--b\r\nContent-Type: image/gif\r\n\r\nx\r\n"
	    "--b--\r\n",
	    "((" PLAIN " 3 0)(\"image\" \"gif\" NIL NIL NIL \"7bit\" 1) "
	    "\"mixed\")",
	    "((" PLAIN " 3 0 NIL NIL NIL NIL)(\"image\" \"gif\" NIL NIL NIL "
	    "\"7bit\" 1 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL "
	    "NIL NIL)" },
	{ "multipart without parts",
	    "Content-Type: multipart/mixed; boundary=b\r\n\r\nx",
	    "((" PLAIN " 0 0) \"mixed\")", "((" PLAIN " 0 0 NIL NIL NIL NIL) "
	    "\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)" },
	{ "multipart without boundary",
	    "Content-Type: multipart/mixed\r\n\r\nx", "(" PLAIN " 1 0)",
	    NULL },
	{ "message", "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\n"
	    "x\r\n",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 (NIL \"in\" " NO6
	    " NIL NIL) (" PLAIN " 3 1) 3)",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 18 (NIL \"in\" " NO6
	    " NIL NIL) (" PLAIN " 3 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)" },
	{ "message with parts", "Content-Type: message/rfc822\r\n\r\n"
	    "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\n--b--",
	    "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 53 (NIL NIL " NO6
	    " NIL NIL) ((" PLAIN " 0 0) \"x\") 4)", NULL },
	{ "message/global is not one in RFC 3501",
	    "Content-Type: message/global\r\n\r\nSubject: in\r\n\r\n",
	    "(\"message\" \"global\" NIL NIL NIL \"7bit\" 15)", NULL },
	{ "digest", "Content-Type: multipart/digest; boundary=b\r\n\r\n"
	    "--b\r\n\r\nSubject: x\r\n\r\n\r\n--b--",
	    "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 14 (NIL \"x\" " NO6
	    " NIL NIL) (" PLAIN " 0 0) 2) \"digest\")", NULL },
};

static void
test_envelopes(void)
{
	struct buf	 b = { 0 };
	size_t		 i, n;

	for (i = 0; i < nitems(envelopes); i++) {
		buf_reset(&b);
		n = envelopes[i].n ? envelopes[i].n : strlen(envelopes[i].in);
		message_envelope(&b, span_of(envelopes[i].in, n),
		    envelopes[i].flags);
		CHECK(span_eqs(span_buf(&b), envelopes[i].want), "%s: %s",
		    envelopes[i].name, buf_cstr(&b));
		CHECK(sexp_envelope(span_buf(&b)), "%s: grammar",
		    envelopes[i].name);
	}
	buf_free(&b);
}

static void
test_structures(void)
{
	struct buf	 b = { 0 };
	struct mime	*m;
	size_t		 i;
	unsigned	 ext;

	for (i = 0; i < nitems(structures); i++) {
		m = message_parse(span_str(structures[i].in));
		for (ext = 0; ext < 2; ext++) {
			const char	*want = ext ? structures[i].structure :
					    structures[i].body;

			buf_reset(&b);
			message_bodystructure(&b, m, ext);
			CHECK(want == NULL || span_eqs(span_buf(&b), want),
			    "%s: %s", structures[i].name, buf_cstr(&b));
			CHECK(sexp_body(span_buf(&b), (int)ext), "%s: grammar",
			    structures[i].name);
		}
		mime_free(m);
	}
	buf_free(&b);
}

/* What is too deep or too many still reads well. */
static void
test_hostile(void)
{
	static const char	*const units[] = {
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n",
		"Content-Type: message/rfc822\r\n\r\n",
		"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n",
		"To: ((((\"a\" <b:c;d@e>\r\n",
		"Content-Type: a/b; c=\"\\\"{3}\r\n\r\n",
		"Content-Language: a,,b\r\nContent-Disposition: ;;\r\n",
	};
	struct buf	 b = { 0 }, in = { 0 };
	struct mime	*m;
	size_t		 i, k;
	unsigned	 flags;

	for (i = 0; i < nitems(units); i++) {
		buf_reset(&in);
		for (k = 0; k < 20000; k++)
			buf_adds(&in, units[i]);
		m = message_parse(span_buf(&in));
		for (flags = 0; flags < 8; flags++) {
			buf_reset(&b);
			message_bodystructure(&b, m, flags);
			CHECK(sexp_body(span_buf(&b), flags & 1),
			    "hostile %zu flags %u: %zu octets", i, flags, b.n);
			buf_reset(&b);
			message_envelope(&b, mime_text(m, m->parts[0].kept),
			    flags);
			CHECK(sexp_envelope(span_buf(&b)),
			    "hostile %zu: envelope", i);
		}
		mime_free(m);
	}
	/* a small bound on what is written is an error, not a crash */
	m = message_parse(span_str(structures[5].in));
	for (k = 1; k < 200; k++) {
		struct buf	 small;

		buf_init(&small, k);
		if (message_bodystructure(&small, m, 1) == 0 && k < 100)
			CHECK(0, "fits in %zu?", k);
		buf_free(&small);
	}
	mime_free(m);
	buf_free(&b);
	buf_free(&in);
}

int
main(void)
{
	test_envelopes();
	test_structures();
	test_hostile();
	return (test_done());
}
