/*
 * Dates: RFC 5322 section 3.3 (and 4.3, obsolete), the IMAP date-time of
 * RFC 3501 section 9.  Times are seconds since 1970, UTC; zones are minutes
 * east of Greenwich.  Years 1900 to 9999; anything else is an error, as is an
 * impossible day or time.  A leap second counts as the second before it.
 */
#ifndef DATE_H
#define DATE_H

#include "buf.h"

#define DATE_ZONE_MAX	(99 * 60 + 59)	/* +9959 */

struct date {
	int64_t	 time;
	int	 zone;		/* -DATE_ZONE_MAX to DATE_ZONE_MAX */
	int	 zone_unknown;	/* "-0000", or a zone that nobody knows */
};

/*
 * The value of a Date field, with comments, folding, obsolete years and zones;
 * what follows the zone is passed over.  Returns 0, or -1 (EINVAL).
 */
int	 date_parse(struct span, struct date *);
/*
 * The same for sorting, RFC 5256 section 2.2: a day with a time that is none is
 * that day's midnight, UTC.
 */
int	 date_sent(struct span, struct date *);
/* Append "Tue, 24 Nov 2026 10:07:42 +0000".  -1 EINVAL: outside the bounds. */
int	 date_write(struct buf *, int64_t time, int zone);

/* IMAP date-time without its quotes, "07-Jul-1996 02:44:25 -0700"; " 7" is
 * taken as well. */
int	 date_imap_parse(struct span, struct date *);
int	 date_imap_write(struct buf *, int64_t time, int zone);

/*
 * Days since 1970 of the day that the clock of its zone shows: what SENTON and
 * the others compare (RFC 3501 section 6.4.4: "disregarding time and zone").
 */
int64_t	 date_day(const struct date *);
/* Days since 1970 of a calendar day; -1 on error. */
int	 date_of_day(int year, int month, int day, int64_t *days);
/* RFC 3339, "2026-11-24T10:07:42Z", for listings. */
int	 date_rfc3339_write(struct buf *, int64_t time);
/* A date-time of RFC 3339 section 5.6, with any offset; parts of a second are
 * passed over.  0, or -1 (EINVAL). */
int	 date_rfc3339_parse(struct span, struct date *);

#endif
