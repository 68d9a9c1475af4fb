/*
 * MTA-STS records and policies.  See mtasts.h.
 */
#include <string.h>
#include <strings.h>

#include "mtasts.h"

#define VERSION	"STSv1"

/* What a policy has said so far. */
#define HAS_VERSION	0x1u
#define HAS_MODE	0x2u
#define HAS_AGE		0x4u

static const char *const modes[] = {
	[MTASTS_NONE] = "none",
	[MTASTS_TESTING] = "testing",
	[MTASTS_ENFORCE] = "enforce",
};

static int	 is_id(struct span);
static int	 is_ours(struct span *);
static int	 fields(struct span, struct span *);
static int	 is_pattern(struct span);
static int	 pair(struct mtasts_policy *, struct span, struct span,
		    unsigned *, const char **);

const char *
mtasts_mode_name(enum mtasts_mode m)
{
	return (modes[m]);
}

static int
is_wsp(int c)
{
	return (c == ' ' || c == '\t');
}

static struct span
trim(struct span s)
{
	while (s.n > 0 && is_wsp(s.p[0]))
		s = span_of(s.p + 1, s.n - 1);
	while (s.n > 0 && is_wsp(s.p[s.n - 1]))
		s.n--;
	return (s);
}

static int
is_alnum(int c)
{
	return ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	    (c >= 'A' && c <= 'Z'));
}

static int
is_id(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (!is_alnum(s.p[i]))
			return (0);
	return (s.n > 0 && s.n <= MTASTS_ID);
}

/*
 * Is it ours: the version and a ";"?  Others are as if they were not there
 * (section 3.1).  What follows the ";" is left.
 */
static int
is_ours(struct span *s)
{
	struct span	 version;

	return (s->n > 0 && s->p[0] == 'v' && span_split(s, ';', &version) &&
	    span_eqs(trim(version), "v=" VERSION));
}

/* Fields with ";" between, perhaps one at the end.  1 with the id. */
static int
fields(struct span s, struct span *id)
{
	struct span	 f, name;
	int		 more, found = 0;

	do {
		more = span_split(&s, ';', &f);
		f = trim(f);
		if (f.n == 0 && !more)
			break;
		if (span_split(&f, '=', &name) == 0)
			return (0);
		if (!span_eqs(name, "id"))
			continue;
		if (found++ > 0 || !is_id(f))
			return (0);
		*id = f;
	} while (more);
	return (found);
}

int
mtasts_record(const struct span *txt, size_t n, struct span *id)
{
	struct span	 s;
	size_t		 i;
	int		 found = 0, good = 0;

	for (i = 0; i < n; i++) {
		s = txt[i];
		if (!is_ours(&s))
			continue;
		found++;
		good = fields(s, id);
	}
	return (found == 1 && good);
}

/* A name of letters, digits, "-" and ".", perhaps behind "*.". */
static int
is_pattern(struct span s)
{
	size_t	 i, label = 0;

	if (s.n > MTASTS_NAME)
		return (0);
	if (s.n > 2 && s.p[0] == '*' && s.p[1] == '.')
		s = span_of(s.p + 2, s.n - 2);
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '.') {
			if (label == 0)
				return (0);
			label = 0;
			continue;
		}
		if ((!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') ||
		    ++label > 63)
			return (0);
	}
	return (label > 0);
}

static int
add_mx(struct mtasts_policy *p, struct span v)
{
	char	*to = p->mx[p->nmx];
	size_t	 i;

	for (i = 0; i < v.n; i++)
		to[i] = (char)(v.p[i] >= 'A' && v.p[i] <= 'Z' ?
		    v.p[i] + ('a' - 'A') : v.p[i]);
	to[v.n] = '\0';
	p->nmx++;
	return (0);
}

/* The first of a key counts, but for mx; others are not known here. */
static int
pair(struct mtasts_policy *p, struct span key, struct span v,
    unsigned *has, const char **why)
{
	uint64_t	 age;
	size_t		 i;

	if (span_eqs(key, "version") && (*has & HAS_VERSION) == 0) {
		*has |= HAS_VERSION;
		*why = "another version than " VERSION;
		return (span_eqs(v, VERSION) ? 0 : -1);
	}
	if (span_eqs(key, "mode") && (*has & HAS_MODE) == 0) {
		*has |= HAS_MODE;
		for (i = 0; i < nitems(modes); i++)
			if (span_eqs(v, modes[i])) {
				p->mode = (enum mtasts_mode)i;
				return (0);
			}
		*why = "an unknown mode";
		return (-1);
	}
	if (span_eqs(key, "max_age") && (*has & HAS_AGE) == 0) {
		*has |= HAS_AGE;
		*why = "max_age is no number";
		if (v.n > 10 || span_num(v, UINT64_MAX, &age) == -1)
			return (-1);
		p->max_age = age > MTASTS_AGE ? MTASTS_AGE : (uint32_t)age;
		return (0);
	}
	if (!span_eqs(key, "mx"))
		return (0);
	*why = p->nmx == MTASTS_MX ? "too many mx" : "not a pattern for a host";
	return (p->nmx == MTASTS_MX || !is_pattern(v) ? -1 : add_mx(p, v));
}

int
mtasts_parse(struct span text, struct mtasts_policy *p, struct buf *why)
{
	struct span	 line, key;
	const char	*bad = NULL;
	unsigned	 has = 0, n = 0;
	int		 more;

	memset(p, 0, sizeof(*p));
	if (text.n > MTASTS_TEXT)
		bad = "too long";
	do {
		more = bad == NULL && span_split(&text, '\n', &line);
		if (bad != NULL)
			break;
		n++;
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (trim(line).n == 0)
			continue;
		if (n > MTASTS_LINES)
			bad = "too many lines";
		else if (span_split(&line, ':', &key) == 0)
			bad = "no key and value";
		else if (pair(p, trim(key), trim(line), &has, &bad) == 0)
			bad = NULL;
	} while (more && bad == NULL);
	if (bad != NULL) {
		(void)buf_addf(why, "line %u: %s", n, bad);
		return (-1);
	}
	bad = (has & HAS_VERSION) == 0 ? "version" :
	    (has & HAS_MODE) == 0 ? "mode" :
	    (has & HAS_AGE) == 0 ? "max_age" :
	    p->nmx == 0 && p->mode != MTASTS_NONE ? "mx" : NULL;
	if (bad == NULL)
		return (0);
	(void)buf_addf(why, "without %s", bad);
	return (-1);
}

int
mtasts_match(const struct mtasts_policy *p, const char *host)
{
	const char	*below = strchr(host, '.');
	size_t		 i, n = strlen(host);

	if (n > 0 && host[n - 1] == '.')
		n--;
	for (i = 0; i < p->nmx; i++) {
		const char	*mx = p->mx[i], *name = host;
		size_t		 len = n;

		if (mx[0] == '*') {	/* "*" is one label */
			if (below == NULL || below == host)
				continue;
			mx++;
			name = below;
			len = n - (size_t)(below - host);
		}
		if (strlen(mx) == len && strncasecmp(mx, name, len) == 0)
			return (1);
	}
	return (0);
}
