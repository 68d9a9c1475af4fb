/*
 * OpaqueString for passwords, NFC for names.  Holds nothing; refuses what is
 * not UTF-8, and in passwords what RFC 8264's FreeformClass does not have.
 */
#include <stdlib.h>
#include <string.h>
#include <unictype.h>

#include "precis_int.h"
#include "utf8.h"

static int		 plain_ascii(struct span);
static enum precis	 points_encode(struct buf *, const struct points *,
			    size_t max);
static enum precis	 no_controls(const struct points *);
static enum precis	 add(struct buf *, struct span);

static const char *const texts[] = {
	[PRECIS_OK] = "fine",
	[PRECIS_EMPTY] = "empty",
	[PRECIS_LONG] = "too long",
	[PRECIS_UTF8] = "not UTF-8",
	[PRECIS_DISALLOWED] = "has a disallowed character",
	[PRECIS_CONTEXT] = "has a character in a place where it may not stand",
	[PRECIS_NOT_NFC] = "not in Unicode normal form C",
	[PRECIS_NOMEM] = "no memory",
};

const char *
precis_text(enum precis p)
{
	return (p < nitems(texts) ? texts[p] : "unknown");
}

/* All of U+0020 to U+007E: every rule leaves it as it is. */
static int
plain_ascii(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] > 0x7e)
			return (0);
	return (1);
}

enum precis
points_decode(struct points *s, struct span in)
{
	uint32_t	 c;
	int		 n;

	memset(s, 0, sizeof(*s));
	s->cap = in.n;
	if ((s->p = calloc(s->cap, sizeof(*s->p))) == NULL)
		return (PRECIS_NOMEM);
	while (in.n > 0) {
		if ((n = utf8_decode(in, &c)) <= 0) {
			points_free(s);
			return (PRECIS_UTF8);
		}
		s->p[s->n++] = c;
		in.p += n;
		in.n -= (size_t)n;
	}
	return (PRECIS_OK);
}

/* Append in one piece, so that growing leaves no copy behind. */
static enum precis
points_encode(struct buf *out, const struct points *s, size_t max)
{
	size_t		 i, n, before = out->n;
	enum precis	 rc = PRECIS_OK;

	for (i = n = 0; i < s->n; i++)
		n += s->p[i] < 0x80 ? 1 : s->p[i] < 0x800 ? 2 :
		    s->p[i] < 0x10000 ? 3 : 4;
	if (n > max)
		return (PRECIS_LONG);
	if (buf_reserve(out, n) == NULL)
		return (PRECIS_NOMEM);
	for (i = 0; i < s->n && rc == PRECIS_OK; i++)
		if (utf8_add(out, s->p[i]) == -1)
			rc = PRECIS_NOMEM;
	if (rc != PRECIS_OK)
		buf_truncate(out, before);
	return (rc);
}

static enum precis
no_controls(const struct points *s)
{
	size_t	 i;

	for (i = 0; i < s->n; i++)
		if (uc_is_general_category_withtable(s->p[i],
		    UC_CATEGORY_MASK_Cc))
			return (PRECIS_DISALLOWED);
	return (PRECIS_OK);
}

static enum precis
add(struct buf *out, struct span s)
{
	return (buf_add_span(out, s) == -1 ? PRECIS_NOMEM : PRECIS_OK);
}

enum precis
precis_password(struct buf *out, struct span in)
{
	struct points	 s;
	enum precis	 rc;
	size_t		 i;

	if (in.n == 0)
		return (PRECIS_EMPTY);
	if (in.n > PRECIS_PASSWORD_MAX)
		return (PRECIS_LONG);
	if (plain_ascii(in))
		return (add(out, in));
	if ((rc = points_decode(&s, in)) != PRECIS_OK)
		return (rc);
	for (i = 0; i < s.n; i++)	/* RFC 8265 section 4.2.2, rule 2 */
		if (uc_is_general_category_withtable(s.p[i],
		    UC_CATEGORY_MASK_Zs))
			s.p[i] = ' ';
	if ((rc = points_nfc(&s)) == PRECIS_OK &&
	    (rc = points_freeform(&s)) == PRECIS_OK)
		rc = points_encode(out, &s, PRECIS_PASSWORD_MAX);
	points_free(&s);
	return (rc);
}

enum precis
precis_name(struct buf *out, struct span in)
{
	struct points	 s;
	enum precis	 rc;

	if (in.n == 0)
		return (PRECIS_EMPTY);
	if (in.n > PRECIS_NAME_MAX)
		return (PRECIS_LONG);
	if (plain_ascii(in))
		return (add(out, in));
	if ((rc = points_decode(&s, in)) != PRECIS_OK)
		return (rc);
	if ((rc = no_controls(&s)) == PRECIS_OK &&
	    (rc = points_nfc(&s)) == PRECIS_OK)
		rc = points_encode(out, &s, PRECIS_NAME_MAX);
	points_free(&s);
	return (rc);
}

enum precis
precis_name_check(struct span in)
{
	struct buf	 out;
	enum precis	 rc;

	buf_init(&out, PRECIS_NAME_MAX);
	rc = precis_name(&out, in);
	if (rc == PRECIS_OK && !span_eq(span_buf(&out), in))
		rc = PRECIS_NOT_NFC;
	buf_freezero(&out);
	return (rc);
}
