/*
 * Encoded words.  Decoding goes word by word: what a word holds is put behind
 * the word before it when both have one charset and only white space between
 * them, and is converted when that run ends.
 */
#include <errno.h>
#include <string.h>

#include "charset.h"
#include "rfc2047.h"
#include "transfer.h"
#include "utf8.h"

#define WORD_FRAME	12		/* octets of =?utf-8?q?...?= */
#define WORD_LEAST	(WORD_FRAME + 12)	/* with one character */
#define PLAIN_MAX	900		/* longer words cannot be folded */
#define BLANKS_MAX	60		/* of a run that are kept */

struct eword {
	struct span	 charset, text;
	int		 base64;
	size_t		 n;		/* octets of it all */
};

struct run {				/* words in one charset */
	const struct charset	*charset;
	int			 raw;		/* no U+FFFD for what is no
						 * UTF-8 */
	struct buf		 octets;
};

static int	 is_blank(int);
static int	 all_blank(struct span);
static int	 word_parse(struct span, struct eword *);
static int	 hex(int);
static int	 word_octets(struct buf *, const struct eword *);
static void	 run_end(struct run *, struct buf *);
static void	 plain(struct buf *, struct span, int);
static int	 decode(struct buf *, struct span, const struct charsets *,
		    int);
static void	 clean(struct buf *, size_t);
static void	 tidy(struct buf *, struct span);
static int	 needs_word(struct span);
static int	 is_safe(int);
static size_t	 word_fit(struct span, size_t);
static void	 words(struct buf *, struct span, size_t *);
static void	 plain_words(struct buf *, struct span, size_t *);

static int
is_blank(int c)
{
	return (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/*
 * "=?charset*lang?q?text?=" at the front of s.  Spaces in a Q text are taken,
 * senders write them.  Returns 1, or 0.
 */
static int
word_parse(struct span s, struct eword *w)
{
	size_t	 i, at;

	if (s.n < 8 || s.p[0] != '=' || s.p[1] != '?')
		return (0);
	for (i = 2; i < s.n && i < 2 + CHARSET_NAME && s.p[i] > ' ' &&
	    s.p[i] < 0x7f && s.p[i] != '?'; i++)
		;
	if (i == 2 || i + 3 >= s.n || s.p[i] != '?' || s.p[i + 2] != '?')
		return (0);
	w->charset = span_of(s.p + 2, i - 2);
	if (span_find(w->charset, '*') != -1)	/* RFC 2231 section 5 */
		w->charset.n = (size_t)span_find(w->charset, '*');
	if (s.p[i + 1] == 'b' || s.p[i + 1] == 'B')
		w->base64 = 1;
	else if (s.p[i + 1] == 'q' || s.p[i + 1] == 'Q')
		w->base64 = 0;
	else
		return (0);
	for (at = i += 3; i + 1 < s.n && s.p[i] != '?'; i++)
		if (s.p[i] < ' ' || s.p[i] == 0x7f ||
		    (w->base64 && s.p[i] == ' '))
			return (0);
	if (i + 1 >= s.n || s.p[i + 1] != '=')
		return (0);
	w->text = span_of(s.p + at, i - at);
	w->n = i + 2;
	return (1);
}

static int
hex(int c)
{
	if (c >= '0' && c <= '9')
		return (c - '0');
	c |= 0x20;
	return (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
}

static int
word_octets(struct buf *b, const struct eword *w)
{
	struct transfer	 t;
	struct span	 s = w->text;

	if (w->base64) {
		transfer_start(&t, MIME_BASE64);
		if (transfer_feed(&t, b, s) == -1)
			return (-1);
		return (transfer_end(&t, b));
	}
	for (; s.n > 0; s.p++, s.n--) {
		if (s.p[0] == '_')
			buf_addc(b, ' ');
		else if (s.p[0] == '=' && s.n > 2 && hex(s.p[1]) != -1 &&
		    hex(s.p[2]) != -1) {
			buf_addc(b, hex(s.p[1]) << 4 | hex(s.p[2]));
			s.p += 2;
			s.n -= 2;
		} else
			buf_addc(b, s.p[0]);
	}
	return (buf_failed(b) ? -1 : 0);
}

/* Controls of what was added since begin become spaces. */
static void
clean(struct buf *b, size_t begin)
{
	size_t	 i;

	for (i = begin; i < b->n; i++)
		if (b->p[i] < ' ' || b->p[i] == 0x7f)
			b->p[i] = ' ';
}

static void
run_end(struct run *r, struct buf *b)
{
	size_t	 begin = b->n;

	if (r->charset != NULL && r->raw && charset_is_utf8(r->charset))
		(void)buf_add_span(b, span_buf(&r->octets));
	else if (r->charset != NULL)
		(void)charset_convert(b, r->charset, span_buf(&r->octets));
	if (buf_failed(&r->octets))
		b->failed = r->octets.failed;
	clean(b, begin);
	r->charset = NULL;
	buf_reset(&r->octets);
}

/* Text outside words: unfolded, one line. */
static void
plain(struct buf *b, struct span s, int raw)
{
	size_t	 begin = b->n, i, n;

	if (raw)
		buf_add_span(b, s);
	else
		utf8_add_clean(b, s);
	for (i = n = begin; i < b->n; i++)
		if (b->p[i] != '\r' && b->p[i] != '\n')
			b->p[n++] = b->p[i];
		else if (i + 1 == b->n || !is_blank(b->p[i + 1]))
			b->p[n++] = ' ';
	buf_truncate(b, n);
	clean(b, begin);
}

static int
all_blank(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n && is_blank(s.p[i]); i++)
		;
	return (i == s.n);
}

static int
decode(struct buf *b, struct span s, const struct charsets *all, int raw)
{
	const struct charset	*c;
	struct run		 r = { .raw = raw };
	struct eword		 w;
	const uint8_t		*eq;
	size_t			 at = 0;	/* text before it, not yet added */

	while (at < s.n && (eq = memchr(s.p + at, '=', s.n - at)) != NULL) {
		at = (size_t)(eq - s.p);
		if (!word_parse(span_of(eq, s.n - at), &w) ||
		    (c = charset_find(all, w.charset)) == NULL) {
			at++;
			continue;
		}
		if (r.charset == NULL || !all_blank(span_of(s.p, at))) {
			run_end(&r, b);
			plain(b, span_of(s.p, at), raw);
		} else if (r.charset != c)
			run_end(&r, b);
		r.charset = c;
		word_octets(&r.octets, &w);
		s.p += at + w.n;
		s.n -= at + w.n;
		at = 0;
	}
	run_end(&r, b);
	plain(b, s, raw);
	buf_free(&r.octets);
	return (buf_failed(b) ? -1 : 0);
}

int
rfc2047_decode(struct buf *b, struct span s, const struct charsets *all)
{
	return (decode(b, s, all, 0));
}

int
rfc2047_decode_raw(struct buf *b, struct span s, const struct charsets *all)
{
	return (decode(b, s, all, 1));
}

/* A word that cannot stand as it is. */
static int
needs_word(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] >= 0x7f || s.p[i] < ' ' || (s.p[i] == '=' &&
		    i + 1 < s.n && s.p[i + 1] == '?'))
			return (1);
	return (s.n > PLAIN_MAX);
}

/* Octets that need no encoding, not even in a phrase (RFC 2047 5 (3)). */
static int
is_safe(int c)
{
	return ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '!' || c == '*' || c == '+' ||
	    c == '-' || c == '/');
}

/* How many octets of s, in whole characters, encode to room octets. */
static size_t
word_fit(struct span s, size_t room)
{
	size_t	 i, used;

	for (i = used = 0; i < s.n; i++) {
		used += is_safe(s.p[i]) || s.p[i] == ' ' ? 1 : 3;
		if (used > room)
			break;
	}
	return (utf8_cut(s, i));
}

/* Text as encoded words; *col is how much of the line is taken. */
static void
words(struct buf *b, struct span s, size_t *col)
{
	size_t	 i, n, begin;

	while (s.n > 0) {
		n = 0;
		if (*col + WORD_LEAST <= RFC2047_LINE)
			n = word_fit(s, RFC2047_LINE - *col - WORD_FRAME);
		if (n == 0) {		/* fold, with the space that is there */
			if (b->n > 0 && b->p[b->n - 1] == ' ')
				buf_truncate(b, b->n - 1);
			buf_adds(b, "\r\n ");
			*col = 1;
			n = word_fit(s, RFC2047_LINE - *col - WORD_FRAME);
		}
		begin = b->n;
		buf_adds(b, "=?utf-8?q?");
		for (i = 0; i < n; i++) {
			if (is_safe(s.p[i]))
				buf_addc(b, s.p[i]);
			else if (s.p[i] == ' ' || s.p[i] < ' ' ||
			    s.p[i] == 0x7f)
				buf_addc(b, '_');
			else
				buf_addf(b, "=%02X", s.p[i]);
		}
		buf_adds(b, "?=");
		*col += b->n - begin;
		s.p += n;
		s.n -= n;
		if (s.n > 0) {
			buf_adds(b, "\r\n ");
			*col = 1;
		}
	}
}

/* Plain words, folded between them; blanks stand before each. */
static void
plain_words(struct buf *b, struct span s, size_t *col)
{
	size_t	 i, end;

	while (s.n > 0) {
		for (i = 0; i < s.n && s.p[i] == ' '; i++)
			;
		for (end = i; end < s.n && s.p[end] != ' '; end++)
			;
		if (i == s.n) {			/* blanks before encoded words */
			buf_add(b, s.p, i < BLANKS_MAX ? i : BLANKS_MAX);
			*col += i < BLANKS_MAX ? i : BLANKS_MAX;
			return;
		}
		if (i > 0 && *col + end > RFC2047_LINE) {
			buf_adds(b, "\r\n");
			*col = 0;
		}
		if (i > BLANKS_MAX) {
			s.p += i - BLANKS_MAX;
			s.n -= i - BLANKS_MAX;
			end -= i - BLANKS_MAX;
		}
		buf_add(b, s.p, end);
		*col += end;
		s.p += end;
		s.n -= end;
	}
}

/* The text with every malformed sequence and control replaced, trimmed. */
static void
tidy(struct buf *b, struct span s)
{
	utf8_add_clean(b, s);
	clean(b, 0);
}

int
rfc2047_encode(struct buf *b, struct span utf8, size_t col)
{
	struct buf	 text = { 0 };
	struct span	 s, w;
	size_t		 i, end, first = SIZE_MAX, last = 0;

	tidy(&text, utf8);
	s = span_trim(span_buf(&text));
	for (i = 0; i < s.n; i = end + 1) {	/* which words cannot stand? */
		for (end = i; end < s.n && s.p[end] != ' '; end++)
			;
		w = span_of(s.p + i, end - i);
		if (!needs_word(w))
			continue;
		first = first == SIZE_MAX ? i : first;
		last = end;
	}
	if (first == SIZE_MAX)
		plain_words(b, s, &col);
	else {
		plain_words(b, span_of(s.p, first), &col);
		words(b, span_of(s.p + first, last - first), &col);
		plain_words(b, span_of(s.p + last, s.n - last), &col);
	}
	if (buf_failed(&text))
		b->failed = text.failed;
	buf_free(&text);
	return (buf_failed(b) ? -1 : 0);
}

int
rfc2047_encode_phrase(struct buf *b, struct span utf8)
{
	struct buf	 text = { 0 };
	struct span	 s;
	size_t		 i, col = 1;
	int		 atoms = 1;

	tidy(&text, utf8);
	s = span_trim(span_buf(&text));
	for (i = 0; i < s.n; i++)
		if (!is_safe(s.p[i]) && (s.p[i] != ' ' || i == 0 ||
		    s.p[i - 1] == ' '))
			atoms = 0;
	if (needs_word(s))
		words(b, s, &col);
	else if (atoms && s.n > 0)
		buf_add_span(b, s);
	else
		(void)buf_add_quoted(b, s);
	if (buf_failed(&text))
		b->failed = text.failed;
	buf_free(&text);
	return (buf_failed(b) ? -1 : 0);
}
