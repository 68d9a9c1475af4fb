/* Spans, bufs, base64 and CRC-32C. */
#include <errno.h>

#include "buf.h"
#include "test.h"

static const struct b64_case {
	const char	*name, *in, *want;	/* want NULL: refused */
} b64[] = {
	{ "empty",		"",		"" },
	{ "one octet",		"QQ==",		"A" },
	{ "two octets",		"QUI=",		"AB" },
	{ "three octets",	"QUJD",		"ABC" },
	{ "missing padding",	"QQ=",		NULL },
	{ "too much padding",	"QQ===",	NULL },
	{ "one digit",		"Q",		NULL },
	{ "line break",		"QUJ\nD",	NULL },
	{ "tab",		"QU\tD",	NULL },
	{ "outside",		"!!!!",		NULL },
	{ "bits left over",	"QR==",		NULL },
	{ "padding inside",	"QQ==QUJD",	NULL },
	{ "all padding",	"====",		NULL },
};

static void
test_base64(void)
{
	const struct b64_case	*c;
	struct buf		 b = { 0 }, e = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(b64); i++) {
		c = &b64[i];
		buf_reset(&b);
		buf_reset(&e);
		errno = 0;
		if (buf_add_unbase64(&b, span_str(c->in)) == -1) {
			CHECK(c->want == NULL && errno == EINVAL, "%s: refused",
			    c->name);
			continue;
		}
		CHECK(c->want != NULL && span_eqs(span_buf(&b), c->want),
		    "%s: decodes", c->name);
		buf_add_base64(&e, span_buf(&b));
		CHECK(span_eqs(span_buf(&e), c->in), "%s: back", c->name);
	}
	buf_free(&b);
	buf_free(&e);
}

static void
test_buf(void)
{
	struct buf	 b;
	struct span	 s, head;
	uint64_t	 v;
	uint32_t	 u;
	char		*c;

	buf_init(&b, 8);
	CHECK(buf_adds(&b, "12345678") == 0, "up to max");
	CHECK(buf_addc(&b, '9') == -1 && errno == EMSGSIZE, "not past max");
	CHECK(buf_addc(&b, '9') == -1 && b.n == 8, "the error stays");
	CHECK(strcmp(buf_cstr(&b), "") == 0 || b.failed, "cstr after failure");
	buf_reset(&b);
	CHECK(buf_addf(&b, "%s", "1234567890") == -1 && b.n == 0,
	    "a format past max");
	buf_free(&b);
	buf_init(&b, 0);
	buf_put_u64(&b, 0x0102030405060708ULL);
	buf_put_cstr(&b, "abc");
	s = span_buf(&b);
	CHECK(span_get_u64(&s, &v) == 0 && v == 0x0102030405060708ULL, "u64");
	CHECK(span_get_cstr(&s, &c) == 0 && strcmp(c, "abc") == 0, "cstr");
	free(c);
	CHECK(s.n == 0 && span_get_u32(&s, &u) == -1, "nothing left");
	buf_reset(&b);
	buf_add_escaped(&b, span_of("a\r\n\\\xc3", 5));
	CHECK(span_eqs(span_buf(&b), "a\\x0d\\x0a\\x5c\\xc3"), "escaped");
	buf_reset(&b);
	buf_add_quoted(&b, span_str("a\"b\\"));
	buf_add_quoted(&b, span_of(NULL, 0));
	CHECK(span_eqs(span_buf(&b), "\"a\\\"b\\\\\"\"\""), "quoted");
	s = span_str("a,b");
	CHECK(span_split(&s, ',', &head) == 1 && span_eqs(head, "a") &&
	    span_split(&s, ',', &head) == 0 && span_eqs(head, "b") && s.n == 0,
	    "split");
	CHECK(span_num(span_str("18446744073709551615"), UINT64_MAX, &v) == 0 &&
	    v == UINT64_MAX, "largest number");
	CHECK(span_num(span_str("18446744073709551616"), UINT64_MAX, &v) == -1,
	    "one more");
	CHECK(span_num(span_str("+1"), 9, &v) == -1 &&
	    span_num(span_str(""), 9, &v) == -1 &&
	    span_num(span_str("10"), 9, &v) == -1, "no sign, not empty, bound");
	buf_free(&b);
}

int
main(void)
{
	static const char	 nine[] = "123456789";
	uint8_t			 z[32] = { 0 };
	size_t			 i;

	test_base64();
	test_buf();
	CHECK(crc32c(0, z, 32) == 0x8a9136aaU, "CRC-32C of 32 zeroes");
	CHECK(crc32c(0, nine, 9) == 0xe3069283U, "CRC-32C check value");
	for (i = 0; i <= 9; i++)
		CHECK(crc32c(crc32c(0, nine, i), nine + i, 9 - i)
		    == 0xe3069283U, "split at %zu", i);
	return (test_done());
}
