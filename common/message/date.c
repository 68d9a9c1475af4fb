/*
 * Dates of mail.  Everything is checked before it is computed with, so nothing
 * overflows.  See date.h.
 */
#include <errno.h>
#include <string.h>

#include "date.h"

struct fields {
	int	 year, month, day, hour, min, sec;
};

static const char	 month_names[12][4] = { "Jan", "Feb", "Mar", "Apr",
    "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char	 day_names[7][4] = { "Thu", "Fri", "Sat", "Sun", "Mon",
    "Tue", "Wed" };			/* 1 January 1970 was a Thursday */

static int	 invalid(void);
static int	 is_digit(int);
static int	 is_alpha(int);
static void	 skip(struct span *);
static int	 number(struct span *, int, int, int *);
static int	 letters(struct span *, struct span *);
static int	 month_number(struct span);
static int	 compute(const struct fields *, int, struct date *);
static void	 zone_parse(struct span *, struct date *);
static int	 time_parse(struct span *, struct fields *);
static int	 digits_then(struct span *, int, int, int *);
static int	 offset_parse(struct span *, int *);
static void	 civil(int64_t, struct fields *);
static int	 writable(int64_t, int, struct fields *, int64_t *);

static int
invalid(void)
{
	errno = EINVAL;
	return (-1);
}

static int
is_digit(int c)
{
	return (c >= '0' && c <= '9');
}

static int
is_alpha(int c)
{
	return ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
}

/* White space, line ends and comments. */
static void
skip(struct span *s)
{
	size_t	 depth = 0;

	for (; s->n > 0; s->p++, s->n--) {
		if (s->p[0] == '(')
			depth++;
		else if (depth > 0 && s->p[0] == ')')
			depth--;
		else if (depth > 0 && s->p[0] == '\\' && s->n > 1) {
			s->p++;
			s->n--;
		} else if (depth == 0 && s->p[0] != ' ' && s->p[0] != '\t' &&
		    s->p[0] != '\r' && s->p[0] != '\n')
			return;
	}
}

/* A number of min to max digits; more digits are an error. */
static int
number(struct span *s, int min, int max, int *v)
{
	int	 n;

	for (n = 0, *v = 0; s->n > 0 && is_digit(s->p[0]); n++) {
		if (n == max)
			return (-1);
		*v = *v * 10 + (s->p[0] - '0');
		s->p++;
		s->n--;
	}
	return (n < min ? -1 : n);
}

static int
letters(struct span *s, struct span *out)
{
	size_t	 n;

	for (n = 0; n < s->n && is_alpha(s->p[n]); n++)
		;
	(void)span_take(s, n, out);
	return (n == 0 ? -1 : 0);
}

/* 1 to 12; full names pass too. */
static int
month_number(struct span s)
{
	int	 i;

	if (s.n < 3)
		return (-1);
	for (i = 0; i < 12; i++)
		if (span_caseprefix(s, month_names[i]))
			return (i + 1);
	return (-1);
}

int
date_of_day(int y, int m, int d, int64_t *days)
{
	static const uint8_t	 len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30,
	    31, 30, 31 };
	static const int	 before[] = { 0, 31, 59, 90, 120, 151, 181, 212,
	    243, 273, 304, 334 };
	int			 leap, prev;

	*days = 0;
	if (y < 1900 || y > 9999 || m < 1 || m > 12 || d < 1)
		return (invalid());
	leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > len[m - 1] + (m == 2 && leap))
		return (invalid());
	prev = y - 1;
	*days = (int64_t)prev * 365 + prev / 4 - prev / 100 + prev / 400 -
	    719162 + before[m - 1] + (m > 2 && leap) + d - 1;
	return (0);
}

static int
compute(const struct fields *f, int zone, struct date *d)
{
	int64_t	 days;
	int	 sec = f->sec;

	if (date_of_day(f->year, f->month, f->day, &days) == -1)
		return (-1);
	if (f->hour > 23 || f->min > 59 || sec > 60)
		return (invalid());
	if (sec == 60)
		sec = 59;
	d->zone = zone;
	d->time = days * 86400 + f->hour * 3600 + f->min * 60 + sec -
	    (int64_t)zone * 60;
	return (0);
}

/* RFC 5322 section 4.3; what is not known is as -0000. */
static void
zone_parse(struct span *s, struct date *d)
{
	static const struct {
		const char	*name;
		int		 hours;
	} zones[] = {
		{ "UT", 0 }, { "UTC", 0 }, { "GMT", 0 }, { "Z", 0 },
		{ "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 },
		{ "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 },
	};
	struct span		 name, digits;
	size_t			 i;
	int			 sign, v;

	d->zone = 0;
	d->zone_unknown = 1;
	if (s->n == 0)
		return;
	if (s->p[0] == '+' || s->p[0] == '-') {
		sign = s->p[0] == '-' ? -1 : 1;
		digits = span_of(s->p + 1, s->n - 1);
		if (number(&digits, 4, 4, &v) == -1 || v % 100 > 59)
			return;
		*s = digits;
		d->zone = sign * (v / 100 * 60 + v % 100);
		d->zone_unknown = sign < 0 && v == 0;
		return;
	}
	if (letters(s, &name) == -1)
		return;
	for (i = 0; i < nitems(zones); i++)
		if (span_caseeqs(name, zones[i].name)) {
			d->zone = zones[i].hours * 60;
			d->zone_unknown = 0;
		}
}

/* hh:mm[:ss], space around the colons; fractions and am/pm are not dates. */
static int
time_parse(struct span *s, struct fields *f)
{
	if (number(s, 1, 2, &f->hour) == -1)
		return (-1);
	skip(s);
	if (s->n == 0 || (s->p[0] != ':' && s->p[0] != '.'))
		return (-1);
	s->p++, s->n--;
	skip(s);
	if (number(s, 1, 2, &f->min) == -1)
		return (-1);
	skip(s);
	f->sec = 0;
	if (s->n == 0 || (s->p[0] != ':' && s->p[0] != '.'))
		return (0);
	s->p++, s->n--;
	skip(s);
	return (number(s, 1, 2, &f->sec) == -1 ? -1 : 0);
}

/* The day's name, which is not checked, and the day. */
static int
day_parse(struct span *s, struct fields *f)
{
	struct span	 word;
	int		 n;

	skip(s);
	if (letters(s, &word) == 0) {
		skip(s);
		if (s->n > 0 && s->p[0] == ',')
			s->p++, s->n--;
		skip(s);
	}
	if (number(s, 1, 2, &f->day) == -1)
		return (-1);
	skip(s);
	if (s->n > 0 && s->p[0] == '-')		/* 24-Nov-2026, seen */
		s->p++, s->n--;
	if (letters(s, &word) == -1 || (f->month = month_number(word)) == -1)
		return (-1);
	skip(s);
	if (s->n > 0 && s->p[0] == '-')
		s->p++, s->n--;
	if ((n = number(s, 2, 4, &f->year)) == -1)
		return (-1);
	if (n == 2)				/* RFC 5322 section 4.3 */
		f->year += f->year < 50 ? 2000 : 1900;
	else if (n == 3)
		f->year += 1900;
	skip(s);
	if (s->n > 0 && s->p[0] == ',')
		s->p++, s->n--, skip(s);
	return (0);
}

int
date_parse(struct span s, struct date *d)
{
	struct fields	 f;

	memset(d, 0, sizeof(*d));
	if (day_parse(&s, &f) == -1 || time_parse(&s, &f) == -1)
		return (invalid());
	skip(&s);
	zone_parse(&s, d);
	return (compute(&f, d->zone, d));
}

int
date_sent(struct span s, struct date *d)
{
	struct fields	 f;

	memset(d, 0, sizeof(*d));
	if (day_parse(&s, &f) == -1)
		return (invalid());
	if (time_parse(&s, &f) == 0) {
		skip(&s);
		zone_parse(&s, d);
		if (compute(&f, d->zone, d) == 0)
			return (0);
	}
	f.hour = f.min = f.sec = 0;
	d->zone_unknown = 1;
	return (compute(&f, 0, d));
}

int
date_imap_parse(struct span s, struct date *d)
{
	struct fields	 f;
	struct span	 month;
	int		 sign, v;

	memset(d, 0, sizeof(*d));
	/* dd-Mmm-yyyy hh:mm:ss +zzzz, 26 octets exactly */
	if (s.n != 26 || s.p[2] != '-' || s.p[6] != '-' || s.p[11] != ' ' ||
	    s.p[14] != ':' || s.p[17] != ':' || s.p[20] != ' ' ||
	    (s.p[21] != '+' && s.p[21] != '-'))
		return (invalid());
	sign = s.p[21] == '-' ? -1 : 1;
	month = span_of(s.p + 3, 3);
#define TAKE(at, len, v) do {						\
	struct span	 t_ = span_of(s.p + (at), (len));		\
	if (number(&t_, (len), (len), (v)) == -1)			\
		return (invalid());					\
} while (0)
	if (s.p[0] == ' ')
		TAKE(1, 1, &f.day);
	else
		TAKE(0, 2, &f.day);
	TAKE(7, 4, &f.year);
	TAKE(12, 2, &f.hour);
	TAKE(15, 2, &f.min);
	TAKE(18, 2, &f.sec);
	TAKE(22, 4, &v);
#undef TAKE
	if (v % 100 > 59 || (f.month = month_number(month)) == -1)
		return (invalid());
	return (compute(&f, sign * (v / 100 * 60 + v % 100), d));
}

/* Digits, then that character; 0: none. */
static int
digits_then(struct span *s, int n, int c, int *v)
{
	if (number(s, n, n, v) == -1)
		return (-1);
	if (c == 0)
		return (0);
	if (s->n == 0 || (s->p[0] | (c == 't' ? 0x20 : 0)) != c)
		return (-1);
	s->p++, s->n--;
	return (0);
}

/* "Z", "+01:00" */
static int
offset_parse(struct span *s, int *zone)
{
	int	 sign, hour, min;

	*zone = 0;
	if (s->n == 1 && (s->p[0] | 0x20) == 'z') {
		s->n = 0;
		return (0);
	}
	if (s->n == 0 || (s->p[0] != '+' && s->p[0] != '-'))
		return (-1);
	sign = s->p[0] == '-' ? -1 : 1;
	s->p++, s->n--;
	if (digits_then(s, 2, ':', &hour) == -1 ||
	    digits_then(s, 2, 0, &min) == -1 || hour > 23 || min > 59)
		return (-1);
	*zone = sign * (hour * 60 + min);
	return (0);
}

int
date_rfc3339_parse(struct span s, struct date *d)
{
	struct fields	 f;

	memset(d, 0, sizeof(*d));
	if (digits_then(&s, 4, '-', &f.year) == -1 ||
	    digits_then(&s, 2, '-', &f.month) == -1 ||
	    digits_then(&s, 2, 't', &f.day) == -1 ||
	    digits_then(&s, 2, ':', &f.hour) == -1 ||
	    digits_then(&s, 2, ':', &f.min) == -1 ||
	    digits_then(&s, 2, 0, &f.sec) == -1)
		return (invalid());
	if (s.n > 1 && s.p[0] == '.' && is_digit(s.p[1]))
		do
			s.p++, s.n--;
		while (s.n > 0 && is_digit(s.p[0]));
	if (offset_parse(&s, &d->zone) == -1 || s.n > 0)
		return (invalid());
	return (compute(&f, d->zone, d));
}

/* The calendar day of so many days since 1970. */
static void
civil(int64_t days, struct fields *f)
{
	int64_t	 era, doe, yoe, doy, mp;

	days += 719468;			/* from 1 March of the year 0 */
	era = (days >= 0 ? days : days - 146096) / 146097;
	doe = days - era * 146097;
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	f->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	f->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	f->year = (int)(yoe + era * 400 + (f->month <= 2));
}

static int
writable(int64_t t, int zone, struct fields *f, int64_t *days)
{
	int64_t	 rest;

	/* 1900-01-01 and 9999-12-31, with room for zones */
	if (t < -2208988800 || t > 253402300799 || zone < -DATE_ZONE_MAX ||
	    zone > DATE_ZONE_MAX)
		return (invalid());
	t += (int64_t)zone * 60;
	rest = t % 86400;
	*days = t / 86400;
	if (rest < 0) {
		rest += 86400;
		(*days)--;
	}
	civil(*days, f);
	if (f->year < 1900 || f->year > 9999)
		return (invalid());
	f->hour = (int)(rest / 3600);
	f->min = (int)(rest / 60 % 60);
	f->sec = (int)(rest % 60);
	return (0);
}

int
date_write(struct buf *b, int64_t t, int zone)
{
	struct fields	 f;
	int64_t		 days;
	int		 z = zone < 0 ? -zone : zone;

	if (writable(t, zone, &f, &days) == -1)
		return (-1);
	return (buf_addf(b, "%s, %02d %s %04d %02d:%02d:%02d %c%02d%02d",
	    day_names[((days % 7) + 7) % 7], f.day, month_names[f.month - 1],
	    f.year, f.hour, f.min, f.sec, zone < 0 ? '-' : '+', z / 60,
	    z % 60));
}

int
date_imap_write(struct buf *b, int64_t t, int zone)
{
	struct fields	 f;
	int64_t		 days;
	int		 z = zone < 0 ? -zone : zone;

	if (writable(t, zone, &f, &days) == -1)
		return (-1);
	return (buf_addf(b, "%02d-%s-%04d %02d:%02d:%02d %c%02d%02d", f.day,
	    month_names[f.month - 1], f.year, f.hour, f.min, f.sec,
	    zone < 0 ? '-' : '+', z / 60, z % 60));
}

int
date_rfc3339_write(struct buf *b, int64_t t)
{
	struct fields	 f;
	int64_t		 days;

	if (writable(t, 0, &f, &days) == -1)
		return (-1);
	return (buf_addf(b, "%04d-%02d-%02dT%02d:%02d:%02dZ", f.year, f.month,
	    f.day, f.hour, f.min, f.sec));
}

int64_t
date_day(const struct date *d)
{
	int64_t	 t = d->time + (int64_t)d->zone * 60;

	return (t >= 0 ? t / 86400 : (t - 86399) / 86400);
}
