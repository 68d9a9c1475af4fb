/*
 * Conversion to UTF-8.  An iconv_t is shared by all texts of one set, so each
 * call starts from the initial state; a set with shifts (ISO 2022, UTF-7) is
 * fed whole lines, at whose end it is back there.
 */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "utf8.h"

enum how { UTF8, LATIN, TABLE, MULTI, SHIFTS, UTF16 };

struct charset {
	const char	*name;
	enum how	 how;
	iconv_t		 cd;		/* MULTI, SHIFTS */
	uint16_t	*table;		/* TABLE: of 128 to 255 */
};

struct charsets {
	size_t		 n;
	struct charset	 sets[];
};

/* Sets with their names; the first is iconv's. */
static const struct {
	enum how	 how;
	const char	*names;
} list[] = {
	{ TABLE, "iso-8859-2 iso8859-2 latin2 l2" },
	{ TABLE, "iso-8859-3 iso8859-3 latin3" },
	{ TABLE, "iso-8859-4 iso8859-4 latin4" },
	{ TABLE, "iso-8859-5 iso8859-5 cyrillic" },
	{ TABLE, "iso-8859-6 iso8859-6 iso-8859-6-i arabic" },
	{ TABLE, "iso-8859-7 iso8859-7 greek" },
	{ TABLE, "iso-8859-8 iso8859-8 iso-8859-8-i hebrew" },
	{ TABLE, "iso-8859-9 iso8859-9 latin5" },
	{ TABLE, "iso-8859-10 iso8859-10 latin6" },
	{ TABLE, "iso-8859-13 iso8859-13" },
	{ TABLE, "iso-8859-14 iso8859-14" },
	{ TABLE, "iso-8859-15 iso8859-15 latin-9 latin9" },
	{ TABLE, "iso-8859-16 iso8859-16" },
	{ TABLE, "cp1250 windows-1250" },
	{ TABLE, "cp1251 windows-1251" },
	{ TABLE, "cp1253 windows-1253" },
	{ TABLE, "cp1254 windows-1254" },
	{ TABLE, "cp1255 windows-1255" },
	{ TABLE, "cp1256 windows-1256" },
	{ TABLE, "cp1257 windows-1257" },
	{ TABLE, "cp1258 windows-1258" },
	{ TABLE, "cp874 windows-874 tis-620 iso-8859-11" },
	{ TABLE, "koi8-r koi8r" },
	{ TABLE, "koi8-u koi8u" },
	{ TABLE, "cp437 ibm437" },
	{ TABLE, "cp850 ibm850" },
	{ TABLE, "cp852 ibm852" },
	{ TABLE, "cp855 ibm855" },
	{ TABLE, "cp866 ibm866" },
	{ TABLE, "macintosh mac x-mac-roman" },
	{ TABLE, "mac-uk x-mac-cyrillic x-mac-ukrainian" },
	{ MULTI, "gb18030 gb2312 gbk cp936 euc-cn x-gbk" },
	{ MULTI, "big5-hkscs big5 big5hkscs cn-big5 x-x-big5" },
	{ MULTI, "cp932 shift_jis shift-jis sjis ms_kanji windows-31j "
	    "x-sjis" },
	{ MULTI, "euc-jp eucjp x-euc-jp" },
	{ MULTI, "uhc euc-kr ks_c_5601-1987 cp949 windows-949 ksc5601 "
	    "ksc_5601" },
	{ MULTI, "euc-tw euctw" },
	{ MULTI, "johab cp1361" },
	{ MULTI, "utf-16be" },
	{ MULTI, "utf-16le" },
	{ MULTI, "utf-32be" },
	{ MULTI, "utf-32le" },
	{ SHIFTS, "iso-2022-jp-3 iso-2022-jp iso-2022-jp-1 iso-2022-jp-ms "
	    "cp50220 cp50221" },
	{ SHIFTS, "iso-2022-jp-2" },
	{ SHIFTS, "iso-2022-kr" },
	{ SHIFTS, "iso-2022-cn-ext iso-2022-cn" },
	{ SHIFTS, "utf-7 unicode-1-1-utf-7" },
};

/* These need nothing; utf-16 needs its two halves. */
static const struct charset	 builtin[] = {
	{ "utf-8", UTF8, NULL, NULL },
	{ "windows-1252", LATIN, NULL, NULL },
	{ "utf-16", UTF16, NULL, NULL },
};
static const struct {
	const char	*name;
	int		 set;
} builtin_names[] = {
	{ "utf-8", 0 }, { "utf8", 0 }, { "us-ascii", 0 }, { "ascii", 0 },
	{ "unicode-1-1-utf-8", 0 }, { "ansi_x3.4-1968", 0 },
	{ "iso-8859-1", 1 }, { "iso8859-1", 1 }, { "latin1", 1 }, { "l1", 1 },
	{ "latin-1", 1 },
	{ "windows-1252", 1 }, { "cp1252", 1 }, { "cp819", 1 },
	{ "x-ansi", 1 }, { "iso_8859-1", 1 }, { "utf-16", 2 }, { "utf16", 2 },
	{ "ucs-2", 2 },
};

/* What Windows-1252 has where ISO 8859-1 has controls; 0: nothing. */
static const uint16_t	 c1[32] = {
	0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6,
	0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0, 0x2018, 0x2019,
	0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a,
	0x0153, 0, 0x017e, 0x0178
};

static void	 table_fill(struct charset *, iconv_t);
static int	 open_one(struct charset *, size_t);
static int	 has_name(const char *, struct span);
static int	 convert_octets(struct buf *, const struct charset *,
		    struct span);
static size_t	 convert_iconv(struct buf *, iconv_t, struct span, int);
static size_t	 convert_utf8(struct buf *, struct span, int);
static size_t	 convert(struct charset_stream *, struct buf *, struct span,
		    int);

/* Each octet once through iconv. */
static void
table_fill(struct charset *c, iconv_t cd)
{
	char		 in, out[8], *ip, *op;
	size_t		 in_n, out_n;
	uint32_t	 cp;
	int		 i;

	for (i = 0; i < 128; i++) {
		in = (char)(i + 128);
		ip = &in;
		op = out;
		in_n = 1;
		out_n = sizeof(out);
		(void)iconv(cd, NULL, NULL, NULL, NULL);
		c->table[i] = 0xfffd;
		if (iconv(cd, &ip, &in_n, &op, &out_n) != (size_t)-1) {
			(void)iconv(cd, NULL, NULL, &op, &out_n);
			if (utf8_decode(span_of(out, sizeof(out) - out_n),
			    &cp) > 0 && cp < 0x10000)
				c->table[i] = (uint16_t)cp;
		}
	}
}

/* 0, 1 when the system does not know it, -1. */
static int
open_one(struct charset *c, size_t i)
{
	char	 name[CHARSET_NAME];
	size_t	 n = strcspn(list[i].names, " ");
	iconv_t	 cd;

	memcpy(name, list[i].names, n);
	name[n] = '\0';
	if ((cd = iconv_open("UTF-8", name)) == (iconv_t)-1)
		return (1);
	c->name = list[i].names;
	c->how = list[i].how;
	if (c->how != TABLE) {
		c->cd = cd;
		return (0);
	}
	c->table = calloc(128, sizeof(c->table[0]));
	if (c->table != NULL)
		table_fill(c, cd);
	iconv_close(cd);
	return (c->table == NULL ? -1 : 0);
}

struct charsets *
charsets_open(void)
{
	struct charsets	*all;
	size_t		 i;
	int		 rc;

	if ((all = calloc(1, sizeof(*all) + nitems(list) *
	    sizeof(all->sets[0]))) == NULL)
		return (NULL);
	for (i = 0; i < nitems(list); i++) {
		if ((rc = open_one(&all->sets[all->n], i)) == -1) {
			charsets_free(all);
			errno = ENOMEM;
			return (NULL);
		}
		all->n += rc == 0;
	}
	return (all);
}

void
charsets_free(struct charsets *all)
{
	size_t	 i;

	if (all == NULL)
		return;
	for (i = 0; i < all->n; i++) {
		if (all->sets[i].how == TABLE)
			free(all->sets[i].table);
		else
			iconv_close(all->sets[i].cd);
	}
	free(all);
}

size_t
charsets_count(const struct charsets *all)
{
	return (nitems(builtin) + (all == NULL ? 0 : all->n));
}

static int
has_name(const char *names, struct span name)
{
	struct span	 left = span_str(names), one;

	while (left.n > 0) {
		(void)span_split(&left, ' ', &one);
		if (span_caseeq(one, name))
			return (1);
	}
	return (0);
}

const struct charset *
charset_find(const struct charsets *all, struct span name)
{
	size_t	 i;

	if (name.n == 0 || name.n >= CHARSET_NAME ||
	    span_find(name, ' ') != -1)
		return (NULL);
	for (i = 0; i < nitems(builtin_names); i++)
		if (span_caseeqs(name, builtin_names[i].name))
			return (&builtin[builtin_names[i].set]);
	for (i = 0; all != NULL && i < all->n; i++)
		if (has_name(all->sets[i].name, name))
			return (&all->sets[i]);
	return (NULL);
}

const char *
charset_name(const struct charset *c)
{
	return (c->name);
}

int
charset_is_utf8(const struct charset *c)
{
	return (c == NULL || c->how == UTF8);
}

uint32_t
charset_c1(uint8_t c)
{
	return (c1[c - 128] != 0 ? c1[c - 128] : 0xfffd);
}

/* One octet, one character. */
static int
convert_octets(struct buf *b, const struct charset *c, struct span s)
{
	uint8_t		*to;
	uint32_t	 cp;
	size_t		 i, n = 0;

	if (s.n > SIZE_MAX / 4 || (to = buf_reserve(b, 3 * s.n)) == NULL)
		return (-1);
	for (i = 0; i < s.n; i++) {
		cp = s.p[i];
		if (cp < 0x80) {
			to[n++] = (uint8_t)cp;
			continue;
		}
		if (c->how == TABLE)
			cp = c->table[cp - 128];
		else if (cp < 0xa0)
			cp = charset_c1((uint8_t)cp);
		if (cp >= 0x800) {
			to[n++] = (uint8_t)(0xe0 | cp >> 12);
			to[n++] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		} else
			to[n++] = (uint8_t)(0xc0 | cp >> 6);
		to[n++] = (uint8_t)(0x80 | (cp & 0x3f));
	}
	buf_commit(b, n);
	return (0);
}

/* Returns how many octets were taken; the rest is the start of a character. */
static size_t
convert_iconv(struct buf *b, iconv_t cd, struct span s, int last)
{
	char		 out[4096], *ip, *op;
	const uint8_t	*begin = s.p;
	size_t		 in_n, out_n, rc;

	(void)iconv(cd, NULL, NULL, NULL, NULL);
	while (s.n > 0) {
		memcpy(&ip, &s.p, sizeof(ip));	/* iconv() does not write */
		in_n = s.n;
		op = out;
		out_n = sizeof(out);
		rc = iconv(cd, &ip, &in_n, &op, &out_n);
		buf_add(b, out, sizeof(out) - out_n);
		s.p += s.n - in_n;
		s.n = in_n;
		if (rc != (size_t)-1)
			break;
		if (errno == E2BIG)
			continue;
		if (errno == EINVAL && !last)
			return ((size_t)(s.p - begin));
		utf8_add(b, 0xfffd);
		s.p++;
		s.n--;
	}
	op = out;
	out_n = sizeof(out);
	(void)iconv(cd, NULL, NULL, &op, &out_n);
	buf_add(b, out, sizeof(out) - out_n);
	return ((size_t)(s.p - begin));
}

static size_t
convert_utf8(struct buf *b, struct span s, int last)
{
	uint32_t	 cp;
	size_t		 keep, n = s.n;

	for (keep = 1; !last && keep <= 3 && keep <= s.n; keep++)
		if (s.p[s.n - keep] >= 0xc0) {
			if (utf8_decode(span_of(s.p + s.n - keep, keep),
			    &cp) == -1)
				n -= keep;
			break;
		}
	utf8_add_clean(b, span_of(s.p, n));
	return (n);
}

/* Returns how many octets were taken of s. */
static size_t
convert(struct charset_stream *cs, struct buf *b, struct span s, int last)
{
	const struct charset	*c = cs->charset;
	size_t			 n = s.n, cut;

	if (charset_is_utf8(c))
		return (convert_utf8(b, s, last));
	switch (c->how) {
	case SHIFTS:
		while (!last && n > 0 && s.p[n - 1] != '\n')
			n--;
		if (n == 0 && s.n >= CHARSET_LINE)
			n = s.n;		/* no line of text */
		/* FALLTHROUGH */
	case MULTI:
		cut = convert_iconv(b, c->cd, span_of(s.p, n), last);
		return (c->how == SHIFTS && n != 0 ? n : cut);
	case LATIN:
	case TABLE:
	case UTF8:
	case UTF16:
		break;
	}
	(void)convert_octets(b, c, s);
	return (s.n);
}

void
charset_start(struct charset_stream *cs, const struct charset *c)
{
	memset(cs, 0, sizeof(*cs));
	cs->charset = c;
}

/* UTF-16: the mark at its start says which, else the higher octet is first. */
static void
utf16(struct buf *b, struct span s, int *little, int *begun)
{
	uint32_t	 cp, low;
	size_t		 i;

	if (!*begun && s.n >= 2) {
		*begun = 1;
		*little = s.p[0] == 0xff && s.p[1] == 0xfe;
		if (*little || (s.p[0] == 0xfe && s.p[1] == 0xff)) {
			s.p += 2;
			s.n -= 2;
		}
	}
	for (i = 0; i + 2 <= s.n; i += 2) {
		cp = (uint32_t)(s.p[i + *little] << 8 | s.p[i + !*little]);
		if (cp >= 0xd800 && cp < 0xdc00 && i + 4 <= s.n) {
			low = (uint32_t)(s.p[i + 2 + *little] << 8 |
			    s.p[i + 2 + !*little]);
			if (low >= 0xdc00 && low < 0xe000) {
				cp = 0x10000 + ((cp - 0xd800) << 10) +
				    (low - 0xdc00);
				i += 2;
			}
		}
		utf8_add(b, cp);
	}
	if (i < s.n)
		utf8_add(b, 0xfffd);
}

/* So many octets of s as are whole characters. */
static size_t
utf16_whole(struct span s, int little)
{
	size_t	 n = s.n & ~(size_t)1;

	if (n >= 2 && (s.p[n - 2 + (little ? 1 : 0)] & 0xfc) == 0xd8)
		n -= 2;
	return (n);
}

static size_t
take(struct charset_stream *cs, struct buf *b, struct span s, int last)
{
	int	 little = cs->begun == 2, begun = cs->begun != 0;
	size_t	 n = s.n;

	if (cs->charset == NULL || cs->charset->how != UTF16)
		return (convert(cs, b, s, last));
	if (!begun && s.n >= 2 && s.p[0] == 0xff && s.p[1] == 0xfe)
		little = 1;
	if (!last)
		n = utf16_whole(s, little);
	utf16(b, span_of(s.p, n), &little, &begun);
	cs->begun = !begun ? 0 : little ? 2 : 1;
	return (n);
}

int
charset_feed(struct charset_stream *cs, struct buf *b, struct span s)
{
	size_t	 n;

	if (cs->held.n > 0) {
		if (buf_add_span(&cs->held, s) == -1)
			return (-1);
		n = take(cs, b, span_buf(&cs->held), 0);
		buf_drain(&cs->held, n);
	} else {
		n = take(cs, b, s, 0);
		if (n < s.n && buf_add(&cs->held, s.p + n, s.n - n) == -1)
			return (-1);
	}
	return (buf_failed(b) ? -1 : 0);
}

int
charset_end(struct charset_stream *cs, struct buf *b)
{
	if (cs->held.n > 0)
		(void)take(cs, b, span_buf(&cs->held), 1);
	buf_free(&cs->held);
	return (buf_failed(b) ? -1 : 0);
}

int
charset_convert(struct buf *b, const struct charset *c, struct span s)
{
	struct charset_stream	 cs;

	charset_start(&cs, c);
	(void)take(&cs, b, s, 1);
	return (buf_failed(b) ? -1 : 0);
}
