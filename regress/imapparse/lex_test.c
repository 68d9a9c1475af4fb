/*
 * The IMAP command lexer: whole commands, literals, refusals; each case in one
 * piece and octet by octet.  Events are written as one line:
 *   [command]  ^ continue  {n} streamed octets  !why{tag text}  # the end
 */
#include "imapd/parse/lex.h"
#include "test.h"

static const struct lex_case {
	const char	*name, *in, *want;
} cases[] = {
	{ "a command",		"a NOOP\r\n",		"[a NOOP]" },
	{ "LF alone ends too",	"a NOOP\nb\r\n",	"[a NOOP][b]" },
	{ "empty line",		"\r\n",			"[]" },
	{ "literal",		"a LOGIN {3}\r\nabc d\r\n",
	    "^[a LOGIN {3}\r\nabc d]" },
	{ "literal+",		"a LOGIN {3+}\r\nabc {0+}\r\n\r\n",
	    "[a LOGIN {3+}\r\nabc {0+}\r\n]" },
	{ "leading zeros",	"a X {003}\r\nabc\r\n",	"^[a X {003}\r\nabc]" },
	{ "not a literal",	"a X {5 }\r\n",		"[a X {5 }]" },
	{ "no size",		"a X {+}\r\n",		"!malformed literal size{a X {+}}#" },
	{ "plus in front",	"a X {+5}\r\n",		"[a X {+5}]" },
	{ "negative",		"a X {-1}\r\n",		"[a X {-1}]" },
	{ "huge",		"a X {4294967295}\r\nb NOOP\r\n",
	    "![TOOBIG] literal too large{a X {4294967295}}[b NOOP]" },
	{ "over 64 bits",	"a X {99999999999999999999}\r\nb\r\n",
	    "!malformed literal size{a X {99999999999999999999}}[b]" },
	{ "over 64 bits, and nobody waits",
	    "a X {9223372036854775808+}\r\nb\r\n",
	    "!malformed literal size{a X {9223372036854775808+}}#" },
	{ "more leading zeros",
	    "a X {0000000000000000000000000000000000000003+}\r\nb\n\r\nc\r\n",
	    "[a X {0000000000000000000000000000000000000003+}\r\nb\n\r]"
	    "[c]" },
	{ "more than is kept of a refused line",
	    "a X {30+}\r\n012345678901234567890123456789 "
	    "{0000000000000000000000000000000000000003+}\r\nb\r\n",
	    "![TOOBIG] literal too large{a X {30+}}#" },
	{ "none behind a refused literal+",
	    "a X {21+}\r\n012345678901234567890 {9223372036854775808+}\r\nb\r\n",
	    "![TOOBIG] literal too large{a X {21+}}#" },
	{ "refused literal+ is swallowed",
	    "a X {30+}\r\nx LOGOUT\r\ny DELETE INBOX\r\nz. y\r\nb NOOP\r\n",
	    "![TOOBIG] literal too large{a X {30+}}[b NOOP]" },
	{ "and what it goes on with",
	    "a X {21+}\r\n012345678901234567890 {4+}\r\nb N\n tail\r\nc NOOP\r\n",
	    "![TOOBIG] literal too large{a X {21+}}[c NOOP]" },
	{ "three in all",
	    "a X {9}\r\n123456789 {9}\r\n123456789 {9}\r\nb\r\n",
	    "^^![TOOBIG] literal too large{a X {9}\r\n123456789 {9}\r\n123456789 {9}}[b]" },
	{ "too many",
	    "a {1}\r\n1 {1}\r\n2 {1}\r\n3 {1}\r\n4 {1}\r\nb\r\n",
	    "^^^^!too many literals{a {1}\r\n1 {1}\r\n2 {1}\r\n3 {1}\r\n4 {1}}[b]" },
	{ "line too long",
	    "a 0123456789012345678901234567890123456789012345678901234567890123456789\r\nb\r\n",
	    "!command line too long{a}[b]" },
	{ "long line that announces a literal",
	    "a 01234567890123456789012345678901234567890123456789012345678901234567 {9+}\r\nx LOGOUT\n\r\nb\r\n",
	    "!command line too long{a}[b]" },
	{ "streamed",		"a APPEND {5}\r\n12345\r\n",
	    "^{12345}[a APPEND {5}\r\n]" },
	{ "streamed nothing",	"a APPEND {0}\r\n\r\n",	"^{}[a APPEND {0}\r\n]" },
	{ "streamed twice",
	    "a APPEND {2+}\r\nab {2+}\r\ncd\r\n",
	    "{ab}{cd}[a APPEND {2+}\r\n {2+}\r\n]" },
	{ "NUL",		"a X\0Y\r\nb\r\n",	"!NUL in a command{a X}[b]" },
	{ "bare CR",		"a X\rY\r\nb\r\n",
	    "!bare CR in a command{a X\rY}[b]" },
	{ "bare CR and literal+",
	    "a X\rY {11+}\r\nx LOGOUT\r\n\n\r\nb\r\n",
	    "!bare CR in a command{a X\rY {11+}}[b]" },
};

static enum lex_policy
policy(void *arg, struct span so_far, uint64_t size, int nonsync)
{
	(void)arg;
	(void)size;
	(void)nonsync;
	return (span_caseprefix(so_far, "a APPEND") ? LEX_STREAM : LEX_KEEP);
}

static void
run(const char *in, size_t n, size_t step, struct buf *out)
{
	static const struct lex_limits	 limits = { 70, 20, 20, 4 };
	struct lex			 l;
	struct span			 s, c;
	size_t				 i, k;
	int				 streaming = 0;

	lex_init(&l, &limits);
	l.policy = policy;
	for (i = 0; i < n; i += k) {
		k = n - i < step ? n - i : step;
		s = span_of(in + i, k);
		for (;;) {
			switch (lex_step(&l, &s)) {
			case LEX_MORE:
				goto more;
			case LEX_CONTINUE:
				buf_addc(out, '^');
				break;
			case LEX_DATA:
				if (!streaming)
					buf_addc(out, '{');
				buf_add_span(out, l.data);
				if ((streaming = l.left != 0) == 0)
					buf_addc(out, '}');
				break;
			case LEX_COMMAND:
				buf_addc(out, '[');
				buf_add_span(out, lex_command(&l));
				buf_addc(out, ']');
				lex_next(&l);
				break;
			case LEX_BAD:
				c = lex_command(&l);
				if (span_eqs(span_str(l.refused),
				    "command line too long"))
					c.n = 1;	/* a tag is enough */
				if (span_find(c, '\0') != -1)
					c.n = (size_t)span_find(c, '\0');
				buf_addf(out, "!%s{", l.refused);
				buf_add_span(out, c);
				buf_addc(out, '}');
				if (l.lost) {
					buf_addc(out, '#');
					goto over;
				}
				lex_next(&l);
				break;
			}
		}
more:
		continue;
	}
over:
	lex_free(&l);
}

int
main(void)
{
	const struct lex_case	*c;
	struct buf		 out = { 0 };
	size_t			 i, step, n;

	for (i = 0; i < nitems(cases); i++) {
		c = &cases[i];
		/* the one with a NUL inside */
		n = strcmp(c->name, "NUL") == 0 ? 10 : strlen(c->in);
		for (step = 1; step < 40; step += step < 4 ? 1 : 9) {
			buf_reset(&out);
			run(c->in, n, step, &out);
			if (!CHECK(span_eqs(span_buf(&out), c->want),
			    "%s, by %zu", c->name, step))
				printf("# %s\n", buf_cstr(&out));
		}
	}
	buf_free(&out);
	return (test_done());
}
