/*
 * Base subjects, RFC 5256 section 2.1, by the numbers of its steps.
 */
#include <string.h>

#include "subject.h"

static size_t	 blob(struct span);
static size_t	 refwd(struct span);
static struct span drop(struct span, size_t);
static struct span leaders(struct span, int *);

static struct span
drop(struct span s, size_t n)
{
	return (span_of(s.p + n, s.n - n));
}

/* subj-blob at the front: "[...]" and the space behind it; its octets or 0. */
static size_t
blob(struct span s)
{
	size_t	 i;

	if (s.n == 0 || s.p[0] != '[')
		return (0);
	for (i = 1; i < s.n && s.p[i] != '[' && s.p[i] != ']'; i++)
		;
	if (i == s.n || s.p[i] != ']')
		return (0);
	for (i++; i < s.n && (s.p[i] == ' ' || s.p[i] == '\t'); i++)
		;
	return (i);
}

/* subj-refwd at the front: "Re:", "Fwd [blob]:"; its octets or 0. */
static size_t
refwd(struct span s)
{
	size_t	 n;

	if (span_caseprefix(s, "fwd"))
		n = 3;
	else if (span_caseprefix(s, "re") || span_caseprefix(s, "fw"))
		n = 2;
	else
		return (0);
	while (n < s.n && (s.p[n] == ' ' || s.p[n] == '\t'))
		n++;
	n += blob(drop(s, n));
	return (n < s.n && s.p[n] == ':' ? n + 1 : 0);
}

/* Steps 3 to 5.  Blobs count only if something is left behind them. */
static struct span
leaders(struct span s, int *reply)
{
	struct span	 t, last;
	size_t		 n;
	int		 again = 1;

	while (again) {
		again = 0;
		s = span_trim(s);
		for (t = last = s; (n = blob(t)) != 0;) { /* 3: blobs, refwd */
			last = t;
			t = drop(t, n);
		}
		if ((n = refwd(t)) != 0) {
			s = drop(t, n);
			*reply = 1;
			again = 1;
		} else if ((n = blob(s)) != 0 && n < s.n) {	/* 4 */
			s = t.n != 0 ? t : last;
			again = 1;
		}
	}
	return (s);
}

int
subject_base(struct buf *b, struct span utf8, int *reply)
{
	struct buf	 text = { 0 };
	struct span	 s;
	size_t		 i;
	int		 re = 0, space = 0, rc, again;

	for (i = 0; i < utf8.n; i++) {			/* 1 */
		if (utf8.p[i] <= ' ') {
			space = text.n > 0;
			continue;
		}
		if (space)
			buf_addc(&text, ' ');
		space = 0;
		buf_addc(&text, utf8.p[i]);
	}
	s = span_buf(&text);
	do {
		again = 0;
		s = span_trim(s);
		while (s.n >= 5 && span_caseeqs(drop(s, s.n - 5),	/* 2 */
		    "(fwd)")) {
			s.n -= 5;
			s = span_trim(s);
			re = 1;
		}
		s = leaders(s, &re);
		if (s.n > 6 && span_caseprefix(s, "[fwd:") &&	/* 6 */
		    s.p[s.n - 1] == ']') {
			s = span_of(s.p + 5, s.n - 6);
			re = again = 1;
		}
	} while (again);
	if (reply != NULL)
		*reply = re;
	rc = buf_add_span(b, s);
	if (buf_failed(&text))
		rc = -1;
	buf_free(&text);
	return (rc);
}
