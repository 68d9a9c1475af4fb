/* Dates: hardcases I8, RFC 5322, IMAP. */
#include "date.h"
#include "test.h"

static const struct {
	const char	*in;
	int64_t		 time;		/* -1 and zone -1: an error */
	int		 zone, unknown;
} cases[] = {
	{ "Thu, 1 Jan 1970 00:00:00 +0000", 0, 0, 0 },
	{ "Tue, 24 Nov 2026 10:07:42 +0100", 1795511262, 60, 0 },
	{ "24 Nov 2026 10:07:42 -0500", 1795532862, -300, 0 },
	{ "24 Nov 2026 10:07 +0000", 1795514820, 0, 0 },
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360,
	    0 },
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0, 0 },
	{ "21 Nov 97 09:55:06 EST", 880124106, -300, 0 },
	{ "21 Nov 1997 09:55:06 -0000", 880106106, 0, 1 },
	{ "21 Nov 1997 09:55:06 XYZ", 880106106, 0, 1 },
	{ "21 Nov 1997 09:55:06", 880106106, 0, 1 },
	{ "(a (b) \\) c) Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (x)",
	    -27723480, -210, 0 },
	{ "1 Jan 1900 00:00:00 +0000", -2208988800, 0, 0 },
	{ "31 Dec 9999 23:59:59 +0000", 253402300799, 0, 0 },
	{ "31 Dec 9999 23:59:59 -9959", 253402660739, -5999, 0 },
	{ "29 Feb 2024 00:00:00 +0000", 1709164800, 0, 0 },
	{ "31 Dec 2016 23:59:60 +0000", 1483228799, 0, 0 },
	{ "1 Jan 49 00:00:00 +0000", 2493072000, 0, 0 },
	{ "1 Jan 50 00:00:00 +0000", -631152000, 0, 0 },
	{ "1 Jan 103 00:00:00 +0000", 1041379200, 0, 0 },
	{ "1 Jan 2026 00:00:00 +9999", 1767225600, 0, 1 },
	{ "1 Jan 2026 00:00:00 +14:00", 1767225600, 0, 1 },
	{ "1 Jan 2026 00:00:00 +00000", 1767225600, 0, 1 },
	{ "Tue, 24 November 2026 10:07:42 +0000", 1795514862, 0, 0 },
	{ "", -1, -1, 0 },
	{ "nonsense", -1, -1, 0 },
	{ "29 Feb 2023 00:00:00 +0000", -1, -1, 0 },
	{ "31 Apr 2023 00:00:00 +0000", -1, -1, 0 },
	{ "0 Jan 2023 00:00:00 +0000", -1, -1, 0 },
	{ "32 Jan 2023 00:00:00 +0000", -1, -1, 0 },
	{ "1 Foo 2023 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 0 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 0000 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 1899 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 10000 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 1000000000000000000 00:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 2023 24:00:00 +0000", -1, -1, 0 },
	{ "1 Jan 2023 00:60:00 +0000", -1, -1, 0 },
	{ "1 Jan 2023 00:00:61 +0000", -1, -1, 0 },
	{ "1 Jan 2023", -1, -1, 0 },
	{ "1 Jan 2023 -1:00:00 +0000", -1, -1, 0 },
	{ "99999999999999999999 Jan 2023 00:00:00", -1, -1, 0 },
	{ "((((((((", -1, -1, 0 },
	{ "(\\", -1, -1, 0 },
};

static const struct {
	const char	*in;
	int64_t		 time;
	int		 zone;		/* 10000: an error */
} imap[] = {
	{ "17-Jul-1996 02:44:25 -0700", 837596665, -420 },
	{ " 7-Jul-1996 02:44:25 +0000", 836707465, 0 },
	{ "07-jul-1996 02:44:25 +0530", 836687665, 330 },
	{ "7-Jul-1996 02:44:25 +0000", 0, 10000 },
	{ "17-Jul-1996 02:44:25 +000", 0, 10000 },
	{ "17-Jul-1996 02:44:25 00000", 0, 10000 },
	{ "17-Xul-1996 02:44:25 +0000", 0, 10000 },
	{ "31-Jun-1996 02:44:25 +0000", 0, 10000 },
	{ "17-Jul-1996 25:44:25 +0000", 0, 10000 },
	{ "17-Jul-1996 02:44:25 +0060", 0, 10000 },
	{ "1a-Jul-1996 02:44:25 +0000", 0, 10000 },
	{ "17-Jul-0000 02:44:25 +0000", 0, 10000 },
	{ "", 0, 10000 },
};

static void
test_imap(void)
{
	struct date	 d;
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(imap); i++) {
		rc = date_imap_parse(span_str(imap[i].in), &d);
		CHECK(imap[i].zone == 10000 ? rc == -1 : rc == 0 &&
		    d.time == imap[i].time && d.zone == imap[i].zone,
		    "imap \"%s\": %d %lld %d", imap[i].in, rc,
		    (long long)d.time, d.zone);
	}
	date_imap_write(&b, 837596665, -420);
	CHECK(span_eqs(span_buf(&b), imap[0].in), "%s", buf_cstr(&b));
	buf_reset(&b);
	date_rfc3339_write(&b, 1795511262);
	CHECK(span_eqs(span_buf(&b), "2026-11-24T09:07:42Z"), "%s",
	    buf_cstr(&b));
	buf_free(&b);
}

static const struct {
	const char	*in;
	int64_t		 time;		/* -1: an error */
} internet[] = {
	{ "2026-11-24T09:07:42Z", 1795511262 },
	{ "2026-11-24t09:07:42z", 1795511262 },
	{ "2026-11-24T10:37:42.999+01:30", 1795511262 },
	{ "2026-11-23T23:07:42-10:00", 1795511262 },
	{ "2026-11-24T09:07:42-00:00", 1795511262 },
	{ "2026-11-24T09:07:42", -1 }, { "2026-11-24T09:07:42.Z", -1 },
	{ "2026-11-24 09:07:42Z", -1 }, { "2026-11-24T09:07Z", -1 },
	{ "2026-11-31T09:07:42Z", -1 }, { "2026-13-24T09:07:42Z", -1 },
	{ "2026-11-24T24:07:42Z", -1 }, { "2026-11-24T09:07:42+0100", -1 },
	{ "2026-11-24T09:07:42+24:00", -1 }, { "2026-11-24T09:07:42ZZ", -1 },
	{ "26-11-24T09:07:42Z", -1 }, { "", -1 }, { "2026", -1 },
};

static void
test_internet(void)
{
	struct date	 d;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(internet); i++) {
		rc = date_rfc3339_parse(span_str(internet[i].in), &d);
		CHECK(internet[i].time == -1 ? rc == -1 : rc == 0 &&
		    d.time == internet[i].time, "\"%s\": %d %lld",
		    internet[i].in, rc, (long long)d.time);
	}
}

/* Each day from 1900 to 2400 and back, and bounds. */
static void
test_write(void)
{
	struct date	 d;
	struct buf	 b = { 0 };
	int64_t		 t, bad = 0;

	for (t = -2208988800; t < 13569465600; t += 86399) {
		buf_reset(&b);
		if (date_write(&b, t, 60) == -1 ||
		    date_parse(span_buf(&b), &d) == -1 || d.time != t ||
		    d.zone != 60)
			bad++;
		buf_reset(&b);
		if (date_imap_write(&b, t, -90) == -1 || b.n != 26) {
			if (t > -2208988800 + 5400)
				bad++;
		} else if (date_imap_parse(span_buf(&b), &d) == -1 ||
		    d.time != t)
			bad++;
	}
	CHECK(bad == 0, "written dates parse: %lld do not", (long long)bad);
	buf_reset(&b);
	CHECK(date_write(&b, INT64_MAX, 0) == -1 &&
	    date_write(&b, INT64_MIN, 0) == -1 &&
	    date_write(&b, 0, INT32_MAX) == -1 &&
	    date_write(&b, 0, INT32_MIN + 1) == -1 && b.n == 0, "bounds");
	date_parse(span_str("24 Nov 2026 23:30:00 -0500"), &d);
	CHECK(date_day(&d) == 20781, "day %lld", (long long)date_day(&d));
	CHECK(date_of_day(2026, 11, 24, &t) == 0 && t == 20781, "%lld",
	    (long long)t);
	buf_free(&b);
}

/* RFC 5256 section 2.2: the day counts, whatever the time. */
static void
test_sent(void)
{
	static const struct {
		const char	*in;
		int64_t		 time;	/* -1: an error */
	} t[] = {
		{ "Tue, 24 Nov 2026 10:07:42 +0100", 1795511262 },
		{ "24 Nov 2026 10:07:42 NONE", 1795514862 },
		{ "24 Nov 2026 25:07:42 +0100", 1795478400 },
		{ "24 Nov 2026 soon +0100", 1795478400 },
		{ "24 Nov 2026", 1795478400 },
		{ "31 Nov 2026 10:00:00 +0000", -1 },
		{ "Nov 2026", -1 },
		{ "", -1 },
	};
	struct date	 d;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(t); i++) {
		rc = date_sent(span_str(t[i].in), &d);
		CHECK(t[i].time == -1 ? rc == -1 : rc == 0 &&
		    d.time == t[i].time, "sent \"%s\": %d %lld", t[i].in, rc,
		    (long long)d.time);
	}
}

int
main(void)
{
	struct date	 d;
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(cases); i++) {
		rc = date_parse(span_str(cases[i].in), &d);
		CHECK(cases[i].zone == -1 ? rc == -1 : rc == 0 &&
		    d.time == cases[i].time && d.zone == cases[i].zone &&
		    d.zone_unknown == cases[i].unknown,
		    "\"%s\": %d %lld %d %d", cases[i].in, rc,
		    (long long)d.time, d.zone, d.zone_unknown);
	}
	test_sent();
	test_imap();
	test_internet();
	test_write();
	return (test_done());
}
