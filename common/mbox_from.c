/*
 * The line in front of each message of an mbox, as programs write it: a sender,
 * which may be of several words, and a date, mostly that of asctime(3), with a
 * zone before or behind its year.  See mbox.h.
 */
#include <errno.h>
#include <string.h>

#include "date.h"
#include "mbox.h"

#define FROM_N	5	/* "From " */
#define WORDS	7	/* weekday month day time, year and zone of two words */

static int	 is_digits(struct span, const char *);
static int	 is_weekday(struct span);
static void	 next_word(struct span *, struct span *);
static int	 asctime_parse(struct span, struct date *);
static int	 has_time(struct span);

/* Are these digits where the form has a 0, and otherwise as it is? */
static int
is_digits(struct span s, const char *form)
{
	size_t	 i;

	for (i = 0; i < s.n && form[i] != '\0'; i++)
		if (form[i] == '0' ? s.p[i] < '0' || s.p[i] > '9' :
		    s.p[i] != (uint8_t)form[i])
			return (0);
	return (i == s.n && form[i] == '\0');
}

static int
is_weekday(struct span s)
{
	static const char	 names[] = "Mon Tue Wed Thu Fri Sat Sun";

	if (s.n == 4 && s.p[3] == ',')
		s.n--;
	return (s.n == 3 && memmem(names, sizeof(names) - 1, s.p, 3) != NULL &&
	    memchr(s.p, ' ', 3) == NULL);
}

static void
next_word(struct span *s, struct span *word)
{
	*s = span_trim(*s);
	(void)span_split(s, ' ', word);
}

/* "Thu Jan  1 00:00:00 1970", with what date_parse() knows for a zone. */
static int
asctime_parse(struct span s, struct date *d)
{
	struct span	 w[WORDS], year = { 0 }, zone = { 0 };
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < WORDS; i++)
		next_word(&s, &w[i]);
	for (i = 4; i < WORDS; i++)
		if (year.n == 0 && is_digits(w[i], "0000"))
			year = w[i];
		else if (zone.n == 0)
			zone = w[i];
	(void)buf_add_span(&b, w[2]);
	(void)buf_addc(&b, ' ');
	(void)buf_add_span(&b, w[1]);
	(void)buf_addc(&b, ' ');
	(void)buf_add_span(&b, year);
	(void)buf_addc(&b, ' ');
	(void)buf_add_span(&b, w[3]);
	(void)buf_addc(&b, ' ');
	(void)buf_add_span(&b, zone);
	rc = buf_failed(&b) ? -1 : date_parse(span_buf(&b), d);
	buf_free(&b);
	return (rc);
}

/* With seconds: "From 10:30 on" is text. */
static int
has_time(struct span s)
{
	static const char	 form[] = "0:00:00";
	size_t			 i, n = sizeof(form) - 1;

	for (i = 0; i + n <= s.n; i++)
		if (is_digits(span_of(s.p + i, n), form))
			return (1);
	return (0);
}

int
mbox_from(struct span line, struct mbox_meta *m)
{
	struct span	 s, at, word;
	struct date	 d;

	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	line = span_trim(span_of(line.p + FROM_N, line.n - FROM_N));
	for (s = line; s.n > 0;) {
		at = s = span_trim(s);
		next_word(&s, &word);
		if (!is_weekday(word) || (asctime_parse(at, &d) == -1 &&
		    date_parse(at, &d) == -1))
			continue;
		if (d.time >= 0) {
			m->date = d.time;
			m->zone = d.zone % 1440;
		}
		return (0);
	}
	/* Some versions of Thunderbird write nothing behind it. */
	return (line.n == 0 || has_time(line) ? 0 : -1);
}
