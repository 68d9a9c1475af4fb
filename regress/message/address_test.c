/* Address lists: hardcases E17 and the forms of RFC 5322. */
#include <time.h>

#include "address.h"
#include "rfc2047.h"
#include "test.h"

/* name<local@host>, groups {name ... }, ! before what is broken. */
static const struct {
	const char	*in, *want;
} cases[] = {
	{ "", "" },
	{ " , ,, ", "" },
	{ "a@b", "<a@b>" },
	{ "a@b, c@d", "<a@b> <c@d>" },
	{ "John Doe <jdoe@machine.example>", "John Doe<jdoe@machine.example>" },
	{ "\"Joe Q. Public\" <john.q.public@example.com>",
	    "Joe Q. Public<john.q.public@example.com>" },
	{ "\"Giant; \\\"Big\\\" Box\" <x@y>", "Giant; \"Big\" Box<x@y>" },
	{ "Mary  \r\n Smith <m@s>", "Mary Smith<m@s>" },
	{ "J. Random <j@r>", "J. Random<j@r>" },
	{ "pete(his account)@silly . test(his host)",
	    "his host<pete@silly.test>" },
	{ "a . b @ c . d", "<a.b@c.d>" },
	{ "user@host (Full Name)", "Full Name<user@host>" },
	{ "(x) Name <u@h> (y)", "Name<u@h>" },
	{ "<a@b>", "<a@b>" },
	{ "<@x,@y:a@b>", "<a@b> via @x,@y" },
	{ "<@x:a@b>", "<a@b> via @x" },
	{ "\"a b\"@c", "<a b@c>" },
	{ "\"a@b\"@c", "<a@b@c>" },
	{ "a@[192.0.2.1]", "<a@[192.0.2.1]>" },
	{ "a@[IPv6:2001:db8::1]", "<a@[IPv6:2001:db8::1]>" },
	{ "A Group:Ed <joe@w>,joe@w2,John <j@o>;",
	    "{A Group Ed<joe@w> <joe@w2> John<j@o> }" },
	{ "Undisclosed recipients:;", "{Undisclosed recipients }" },
	{ "x:y@z;, a@b", "{x <y@z> } <a@b>" },
	{ "x:y@z, a@b", "{x <y@z> <a@b> !}" },
	{ "x:a:b@c;", "{x !<a:b@c> }" },
	{ "\303\251 \303\240 <\303\251@\303\251.example>",
	    "\303\251 \303\240<\303\251@\303\251.example>" },
	{ "=?utf-8?q?a=2Cb?= <x@y>", "=?utf-8?q?a=2Cb?=<x@y>" },
	{ "a", "!<a@>" },
	{ "a b c", "!<a b c@>" },
	{ "@b", "!<@b>" },
	{ "a@", "!<a@>" },
	{ "a@b c", "!<a@bc>" },
	{ "a b@c", "!<a b@c>" },
	{ "<a b@c>", "!<a b@c>" },
	{ "x <a.\"b c\"@d>", "x<a.b c@d>" },
	{ "a@b@c", "!<a@b@c>" },
	{ "<a@b", "!<a@b>" },
	{ "<a@b>junk, c@d", "!<a@b> <c@d>" },
	{ "<<a@b>>", "!<<a@b>" },
	{ "a@b <c@d>", "!a@b<c@d>" },
	{ "\"unterminated@x", "!<unterminated@x@>" },
	{ "(unterminated a@b", "" },
	{ "a@b (x\\", "!x\\<a@b>" },
	{ "a@b (x\\)", "!x)<a@b>" },
	{ "a@b (x(y(z)))", "x(y(z))<a@b>" },
	{ "a\\b@c", "!<a\\b@c>" },
	{ "\"a\\", "!<a@>" },
	{ "<>", "!<@>" },
	{ "<a>", "!<a@>" },
	{ "a@[b", "!<a@[b>" },
	{ "a;b@c", "!<a@> <b@c>" },
	{ "a@b;c@d", "<a@b> <c@d>" },
	{ ";;;a@b", "<a@b>" },
	{ ">", "!<>@>" },
	{ "a\rb@c", "!<a b@c>" },
};

static void
show(struct buf *b, struct address_list *l)
{
	struct address	 a;

	while (address_next(l, &a) == 1) {
		if (b->n > 0)
			buf_addc(b, ' ');
		if (a.broken)
			buf_addc(b, '!');
		if (a.kind == ADDRESS_GROUP) {
			buf_addc(b, '{');
			buf_add_span(b, a.name);
			continue;
		}
		if (a.kind == ADDRESS_GROUP_END) {
			buf_addc(b, '}');
			continue;
		}
		buf_add_span(b, a.name);
		buf_addc(b, '<');
		buf_add_span(b, a.local);
		buf_addc(b, '@');
		buf_add_span(b, a.host);
		buf_addc(b, '>');
		if (a.route.n > 0) {
			buf_adds(b, " via ");
			buf_add_span(b, a.route);
		}
	}
}

static void
test_table(void)
{
	struct address_list	 l;
	struct buf		 b = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(cases); i++) {
		buf_reset(&b);
		address_begin(&l, span_str(cases[i].in));
		show(&b, &l);
		address_end(&l);
		CHECK(span_eqs(span_buf(&b), cases[i].want), "%s: %s",
		    cases[i].in, buf_cstr(&b));
	}
	buf_free(&b);
}

static double
now(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return ((double)t.tv_sec + (double)t.tv_nsec / 1e9);
}

/* A million of each: linear, no recursion. */
static void
test_large(void)
{
	static const char	*const units[] = { "a@b,", "(", "\"", "<", "a:",
	    "\\", "a:b,c;", "@", "()", "[", "x ", ".", "\"a\" ", "<@a,", ";" };
	struct address_list	 l;
	struct address		 a;
	struct buf		 b = { 0 };
	double			 begin;
	size_t			 i, k, n;

	for (i = 0; i < nitems(units); i++) {
		buf_reset(&b);
		for (k = 0; k < 1000000; k++)
			buf_adds(&b, units[i]);
		begin = now();
		address_begin(&l, span_buf(&b));
		for (n = 0; address_next(&l, &a) == 1; n++)
			;
		address_end(&l);
		CHECK(now() - begin < 60, "a million \"%s\": %zu, %.2f s",
		    units[i], n, now() - begin);
	}
	buf_free(&b);
}

static void
test_write(void)
{
	static const struct {
		const char	*name, *local, *host, *want;
	} w[] = {
		{ "", "a", "b", "a@b" },
		{ "", "a.b", "c", "a.b@c" },
		{ "", "a b", "c", "\"a b\"@c" },
		{ "", "a..b", "c", "\"a..b\"@c" },
		{ "", ".a", "c", "\".a\"@c" },
		{ "", "", "c", "\"\"@c" },
		{ "", "a\"\\b", "c", "\"a\\\"\\\\b\"@c" },
		{ "", "a\r\nb", "c\r\nd", "\"ab\"@cd" },
		{ "Bob", "a", "b", "Bob <a@b>" },
		{ "Bob, the", "a", "b", "\"Bob, the\" <a@b>" },
		{ "Zo\303\253", "a", "b", "=?utf-8?q?Zo=C3=AB?= <a@b>" },
		{ "x\r\nBcc: y", "a", "b", "\"x  Bcc: y\" <a@b>" },
	};
	struct buf	 b = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(w); i++) {
		buf_reset(&b);
		address_write(&b, span_str(w[i].name), span_str(w[i].local),
		    span_str(w[i].host));
		CHECK(span_eqs(span_buf(&b), w[i].want), "%s", buf_cstr(&b));
	}
	buf_free(&b);
}

int
main(void)
{
	test_table();
	test_write();
	test_large();
	return (test_done());
}
