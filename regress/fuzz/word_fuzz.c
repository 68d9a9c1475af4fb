/*
 * Encoded words: what comes out is UTF-8 on one line; what is encoded comes
 * back; folding is the same in slices.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "compose.h"
#include "fold.h"
#include "rfc2047.h"
#include "utf8.h"

int		 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct charsets	*all;

#define must(ok) do {	\
	if (!(ok))	\
		abort();\
} while (0)

static void
slices(const struct charset *c, struct span s)
{
	struct charset_stream	 cs;
	struct buf		 a = { 0 }, b = { 0 };
	struct span		 part;
	size_t			 n = 1 + s.n % 5;

	charset_convert(&a, c, s);
	must(utf8_valid(span_buf(&a)));
	charset_start(&cs, c);
	while (s.n > 0) {
		(void)span_take(&s, s.n < n ? s.n : n, &part);
		charset_feed(&cs, &b, part);
	}
	charset_end(&cs, &b);
	must(utf8_valid(span_buf(&b)));
	if (c == NULL)
		must(span_eq(span_buf(&a), span_buf(&b)));
	buf_free(&a);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char	*const sets[] = { "iso-2022-jp", "shift_jis",
	    "utf-7", "gb18030", "big5", "utf-16", "koi8-r" };
	struct fold_find	 f;
	struct span		 s = span_of(data, n);
	struct buf		 text = { 0 }, enc = { 0 }, back = { 0 };
	size_t			 i;

	if (all == NULL)
		must((all = charsets_open()) != NULL);
	must(rfc2047_decode(&text, s, all) == 0 && utf8_valid(span_buf(&text)));
	for (i = 0; i < text.n; i++)
		must(text.p[i] >= ' ' && text.p[i] != 0x7f);
	rfc2047_encode(&enc, span_buf(&text), n % 40);
	rfc2047_decode(&back, span_buf(&enc), all);
	for (i = 0; i + 60 < text.n; i++)	/* long blanks are shortened */
		if (memcmp(text.p + i, "          ", 10) == 0)
			break;
	if (i + 60 >= text.n)
		must(span_eq(span_trim(span_buf(&text)), span_buf(&back)));
	for (i = 0; i < enc.n; i++)
		must(enc.p[i] < 0x7f && (enc.p[i] != '\n' ||
		    (i + 1 < enc.n && enc.p[i + 1] == ' ')));
	slices(NULL, s);
	for (i = 0; i < nitems(sets); i++)
		slices(charset_find(all, span_str(sets[i])), s);
	buf_reset(&back);
	must(fold_text(&back, s) == 0);
	if (n > 4) {				/* a piece of it is in it */
		fold_find_start(&f, span_of(back.p + back.n / 3,
		    back.n / 3));
		for (i = 0; i < n; i++)
			(void)fold_find_feed(&f, span_of(data + i, 1));
		must(fold_find_break(&f) == (f.found || back.n < 3));
		fold_find_end(&f);
	}
	buf_reset(&enc);
	must(compose_raw(&enc, "X", s) == 0 && compose_field(&enc, "X", s) ==
	    0 && compose_text(&enc, s) == 0);
	for (i = 0; i < enc.n; i++)
		must(enc.p[i] != '\r' || (i + 1 < enc.n &&
		    enc.p[i + 1] == '\n'));
	buf_free(&text);
	buf_free(&enc);
	buf_free(&back);
	return (0);
}
