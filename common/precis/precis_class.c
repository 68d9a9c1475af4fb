/*
 * FreeformClass: which code points a password may have (RFC 8264 sections 4.3,
 * 8 and 9; context rules of RFC 5892 appendix A).
 */
#include <string.h>
#include <unictype.h>

#include "precis_int.h"

enum rule {
	RULE_VALID,
	RULE_DISALLOWED,
	RULE_CONTEXT		/* valid where the table's function says so */
};

static int	 is_script(uint32_t, const char *);
static int	 joining(uint32_t);
static int	 after_virama(const struct points *, size_t);
static int	 joins(const struct points *, size_t);
static int	 between_l(const struct points *, size_t);
static int	 before_greek(const struct points *, size_t);
static int	 after_hebrew(const struct points *, size_t);
static int	 with_kana(const struct points *, size_t);
static int	 no_extended(const struct points *, size_t);
static int	 no_arabic(const struct points *, size_t);
static int	 in_range(const struct points *, uint32_t, uint32_t);
static enum rule exception(uint32_t);
static enum rule derived(uint32_t);

/* RFC 5892 section 2.6, which RFC 8264 section 9.6 takes over. */
static const struct {
	uint32_t	 first, last;
	enum rule	 rule;
} exceptions[] = {
	{ 0x00df, 0x00df, RULE_VALID },
	{ 0x03c2, 0x03c2, RULE_VALID },
	{ 0x06fd, 0x06fe, RULE_VALID },
	{ 0x0f0b, 0x0f0b, RULE_VALID },
	{ 0x3007, 0x3007, RULE_VALID },
	{ 0x0640, 0x0640, RULE_DISALLOWED },
	{ 0x07fa, 0x07fa, RULE_DISALLOWED },
	{ 0x302e, 0x302f, RULE_DISALLOWED },
	{ 0x3031, 0x3035, RULE_DISALLOWED },
	{ 0x303b, 0x303b, RULE_DISALLOWED },
};

/* RFC 5892 appendix A.1 to A.9. */
static const struct {
	uint32_t	 first, last;
	int		(*ok)(const struct points *, size_t);
} contexts[] = {
	{ 0x200c, 0x200c, joins },
	{ 0x200d, 0x200d, after_virama },
	{ 0x00b7, 0x00b7, between_l },
	{ 0x0375, 0x0375, before_greek },
	{ 0x05f3, 0x05f4, after_hebrew },
	{ 0x30fb, 0x30fb, with_kana },
	{ 0x0660, 0x0669, no_extended },
	{ 0x06f0, 0x06f9, no_arabic },
};

static int
is_script(uint32_t c, const char *name)
{
	const uc_script_t	*s = uc_script(c);

	return (s != NULL && strcmp(s->name, name) == 0);
}

static int
joining(uint32_t c)
{
	return (uc_joining_type(c));
}

/* A.2 */
static int
after_virama(const struct points *s, size_t i)
{
	return (i > 0 && uc_combining_class(s->p[i - 1]) == UC_CCC_VR);
}

/* A.1: behind a virama, or between two letters that join each other. */
static int
joins(const struct points *s, size_t i)
{
	size_t	 j;
	int	 t;

	if (after_virama(s, i))
		return (1);
	for (j = i; j > 0 && joining(s->p[j - 1]) == UC_JOINING_TYPE_T; j--)
		;
	if (j == 0)
		return (0);
	t = joining(s->p[j - 1]);
	if (t != UC_JOINING_TYPE_L && t != UC_JOINING_TYPE_D)
		return (0);
	for (j = i + 1; j < s->n && joining(s->p[j]) == UC_JOINING_TYPE_T; j++)
		;
	if (j == s->n)
		return (0);
	t = joining(s->p[j]);
	return (t == UC_JOINING_TYPE_R || t == UC_JOINING_TYPE_D);
}

/* A.3 */
static int
between_l(const struct points *s, size_t i)
{
	return (i > 0 && i + 1 < s->n && s->p[i - 1] == 'l' &&
	    s->p[i + 1] == 'l');
}

/* A.4 */
static int
before_greek(const struct points *s, size_t i)
{
	return (i + 1 < s->n && is_script(s->p[i + 1], "Greek"));
}

/* A.5, A.6 */
static int
after_hebrew(const struct points *s, size_t i)
{
	return (i > 0 && is_script(s->p[i - 1], "Hebrew"));
}

/* A.7 */
static int
with_kana(const struct points *s, size_t at)
{
	size_t	 i;

	(void)at;
	for (i = 0; i < s->n; i++)
		if (is_script(s->p[i], "Hiragana") ||
		    is_script(s->p[i], "Katakana") ||
		    is_script(s->p[i], "Han"))
			return (1);
	return (0);
}

static int
in_range(const struct points *s, uint32_t first, uint32_t last)
{
	size_t	 i;

	for (i = 0; i < s->n; i++)
		if (s->p[i] >= first && s->p[i] <= last)
			return (1);
	return (0);
}

/* A.8 */
static int
no_extended(const struct points *s, size_t at)
{
	(void)at;
	return (!in_range(s, 0x06f0, 0x06f9));
}

/* A.9 */
static int
no_arabic(const struct points *s, size_t at)
{
	(void)at;
	return (!in_range(s, 0x0660, 0x0669));
}

/* RULE_CONTEXT here: no exception. */
static enum rule
exception(uint32_t c)
{
	size_t	 i;

	for (i = 0; i < nitems(exceptions); i++)
		if (c >= exceptions[i].first && c <= exceptions[i].last)
			return (exceptions[i].rule);
	return (RULE_CONTEXT);
}

/*
 * RFC 8264 section 8, from "Unassigned" on and without what the tables above
 * settle.  In FreeformClass HasCompat and every category but Other is valid.
 */
static enum rule
derived(uint32_t c)
{
	if (uc_is_property(c, UC_PROPERTY_UNASSIGNED_CODE_VALUE))
		return (RULE_DISALLOWED);
	if (c >= 0x21 && c <= 0x7e)			/* ASCII7 */
		return (RULE_VALID);
	if ((c >= 0x1100 && c <= 0x11ff) ||		/* OldHangulJamo */
	    (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7fb))
		return (RULE_DISALLOWED);
	if (uc_is_property(c, UC_PROPERTY_DEFAULT_IGNORABLE_CODE_POINT) ||
	    uc_is_property(c, UC_PROPERTY_NOT_A_CHARACTER))
		return (RULE_DISALLOWED);		/* PrecisIgnorable */
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Cc))
		return (RULE_DISALLOWED);		/* Controls */
	if (uc_is_general_category_withtable(c, UC_CATEGORY_MASK_L |
	    UC_CATEGORY_MASK_M | UC_CATEGORY_MASK_N | UC_CATEGORY_MASK_S |
	    UC_CATEGORY_MASK_P | UC_CATEGORY_MASK_Zs))
		return (RULE_VALID);
	return (RULE_DISALLOWED);
}

enum precis
points_freeform(const struct points *s)
{
	size_t		 i, k;
	enum rule	 r;

	for (i = 0; i < s->n; i++) {
		for (k = 0; k < nitems(contexts); k++)
			if (s->p[i] >= contexts[k].first &&
			    s->p[i] <= contexts[k].last)
				break;
		if (k < nitems(contexts)) {
			if (!contexts[k].ok(s, i))
				return (PRECIS_CONTEXT);
			continue;
		}
		if ((r = exception(s->p[i])) == RULE_CONTEXT)
			r = derived(s->p[i]);
		if (r != RULE_VALID)
			return (PRECIS_DISALLOWED);
	}
	return (PRECIS_OK);
}
