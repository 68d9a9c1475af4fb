/*
 * mboxes: what is written is read again, however it is cut; and mboxes of other
 * programs.
 */
#include <errno.h>

#include "mbox.h"
#include "test.h"

static struct buf	 seen;

static int
on_begin(void *arg, const struct mbox_meta *m)
{
	(void)arg;
	(void)buf_addf(&seen, "<%lld %d ", (long long)m->date, m->zone);
	(void)buf_add_span(&seen, m->flags);
	(void)buf_adds(&seen, "|");
	if (m->only)
		(void)buf_adds(&seen, "only|");
	if (m->mark.n > 0) {
		(void)buf_adds(&seen, "mark ");
		(void)buf_add_span(&seen, m->mark);
		(void)buf_adds(&seen, "|");
	}
	(void)buf_add_span(&seen, m->mailbox);
	return (buf_adds(&seen, ">"));
}

static int
on_octets(void *arg, struct span s)
{
	(void)arg;
	return (buf_add_span(&seen, s));
}

static int
on_end(void *arg)
{
	(void)arg;
	return (buf_adds(&seen, "</>"));
}

static const struct mbox_ops	 ops = { on_begin, on_octets, on_end };

/* Read s in slices of n octets. */
static int
read_all(struct span s, size_t n)
{
	struct mbox_reader	 r;
	struct span		 part;
	int			 rc = 0;

	buf_reset(&seen);
	mbox_reader_init(&r, &ops, NULL);
	while (s.n > 0 && rc == 0) {
		(void)span_take(&s, s.n < n ? s.n : n, &part);
		rc = mbox_feed(&r, &part);
	}
	if (rc == 0)
		rc = mbox_feed_end(&r);
	mbox_reader_free(&r);
	return (rc);
}

static const struct {
	const char	*name, *in, *want;	/* NULL: no mbox */
} foreign[] = {
	{ "nothing", "", "" },
	{ "text", "Hello\n", NULL },
	{ "half a line", "From ", NULL },
	{ "one", "From a Thu Jan  1 00:01:00 1970\nA: b\n\nx\n\n",
	    "<60 0 |>A: b\r\n\r\nx\r\n</>" },
	{ "no empty line at the end", "From a x\nA: b\n\nx\n",
	    "<-1 0 |>A: b\r\n\r\nx\r\n</>" },
	{ "no line end at the end", "From a x\nA: b\n\nx",
	    "<-1 0 |>A: b\r\n\r\nx</>" },
	{ "two", "From a x\nA: b\n\nx\n\nFrom b x 1:02:03\nC: d\n\n\n",
	    "<-1 0 |>A: b\r\n\r\nx\r\n</><-1 0 |>C: d\r\n\r\n</>" },
	{ "CRLF", "From a Thu Jan  1 00:01:00 1970\r\nA: b\r\n\r\nx\r\n\r\n"
	    "From b 01:02:03\r\ny\r\n", "<60 0 |>A: b\r\n\r\nx\r\n</>"
	    "<-1 0 |>y\r\n</>" },
	{ "quotes", "From a\n>From x\n>>From y\n>Fro\n> From \n",
	    "<-1 0 |>From x\r\n>From y\r\n>Fro\r\n> From \r\n</>" },
	{ "From_ within a paragraph", "From a\nx\nFrom here on\n",
	    "<-1 0 |>x\r\nFrom here on\r\n</>" },
	{ "From_ of a paragraph", "From a\nx\n\nFrom here\n\nFrom\n\nFrom "
	    "10:30 on\n\nFrom a\n", "<-1 0 |>x\r\n\r\nFrom here\r\n\r\nFrom"
	    "\r\n\r\nFrom 10:30 on\r\n\r\nFrom a\r\n</>" },
	{ "From_ of a paragraph, no line end", "From a\nx\n\nFrom here",
	    "<-1 0 |>x\r\n\r\nFrom here</>" },
	{ "From_ of a paragraph, CRLF", "From a\r\nx\r\n\r\nFrom here\r\n\r\n",
	    "<-1 0 |>x\r\n\r\nFrom here\r\n</>" },
	{ "From_ of a paragraph of ours", "From a\nX-Letterlock: date=5 zone=0 "
	    "flags=() noeol=0 mailbox=a\nx\n\nFrom here\r\n\n",
	    "<5 0 |a>x\r\n\r\nFrom here\r\r\n</>" },
	{ "From_ of a paragraph, then another", "From a\nx\n\nFrom here\n\n"
	    "From b Fri Jul 14 02:40 2017\ny\n", "<-1 0 |>x\r\n\r\nFrom here\r\n"
	    "</><1500000000 0 |>y\r\n</>" },
	{ "From_ alone", "From \r\nA: b\r\n\r\nx\r\n\r\nFrom \r\nC: d\r\n\r\n"
	    "y\r\n", "<-1 0 |>A: b\r\n\r\nx\r\n</>"
	    "<-1 0 |>C: d\r\n\r\ny\r\n</>" },
	{ "From_ is cut", "From a\nx\n\nFrom b Fri Jul 14 02:40:00 2017", NULL },
	{ "bare CR", "From a\nx\ry\n", "<-1 0 |>x\ry\r\n</>" },
	{ "almost ours", "From a\nX-Letter: x\n",
	    "<-1 0 |>X-Letter: x\r\n</>" },
	{ "ours with a mark", "From a\nX-Letterlock: date=5 zone=0 mark=k:7.8 "
	    "flags=(mark=no) noeol=0 mailbox=a\nA: b\n\n",
	    "<5 0 mark=no|mark k:7.8|a>A: b\r\n</>" },
	{ "a mailbox alone, then a message", "From a\nX-Letterlock: date=0 "
	    "zone=0 only=1 flags=() noeol=0 mailbox=a b\n\nFrom b 0:00:00\nX-Letterlock: "
	    "date=0 zone=0 flags=() noeol=0 mailbox=only=1\nA: b\n\n",
	    "<0 0 |only|a b></><0 0 |only=1>A: b\r\n</>" },
	{ "ours", "From a\nX-Letterlock: date=5 zone=-60 flags=(\\Seen a) "
	    "noeol=1 mailbox=a b\nA: b\n\nx\n\n",
	    "<5 -60 \\Seen a|a b>A: b\r\n\r\nx</>" },
};

static const char *const messages[] = {
	"", "\r\n", "\r\n\r\n", "x", "x\r\n", "From x\r\n", ">From x\r\n",
	">>>From", "From ", "Fro", "\r\n\r\nFrom x\r\n", "a\r\rb\r\n\r\r\n",
	"x\r", "\r", "Subject: x\r\n\r\nFrom a\r\n>b\r\nFrom\r\n",
	"X-Letterlock: x\r\n\r\n", "a\r\n\r\nFrom b\r\n\r\n\r\n",
};

static void
write_one(struct buf *b, const char *text, size_t slice)
{
	struct mbox_writer	 w;
	struct mbox_meta	 m = { .date = 86400, .zone = 60 };
	struct span		 s = span_str(text), part;

	m.flags = span_str("\\Seen word");
	m.mailbox = span_str("Some mailbox");
	m.mark = span_str("key:1.2");
	m.noeol = s.n > 0 && s.p[s.n - 1] != '\n';
	(void)mbox_begin(&w, b, span_str("a b@example.org"), &m);
	while (s.n > 0) {
		(void)span_take(&s, s.n < slice ? s.n : slice, &part);
		(void)mbox_octets(&w, b, part);
	}
	(void)mbox_end(&w, b);
}

/* All messages in one mbox, written and read in slices. */
static void
test_round(size_t out, size_t in)
{
	struct buf	 b = { 0 }, want = { 0 };
	size_t		 i;

	for (i = 0; i < nitems(messages); i++) {
		write_one(&b, messages[i], out);
		(void)buf_addf(&want, "<86400 60 \\Seen word|mark key:1.2|Some "
		    "mailbox>"
		    "%s</>", messages[i]);
	}
	CHECK(read_all(span_buf(&b), in) == 0 &&
	    span_eq(span_buf(&seen), span_buf(&want)),
	    "written in slices of %zu, read in slices of %zu", out, in);
	if (!span_eq(span_buf(&seen), span_buf(&want)))
		printf("# %s\n", buf_cstr(&seen));
	CHECK(b.n > 5 && memmem(b.p + 1, b.n - 1, "\nFrom x", 7) == NULL,
	    "no line of a message looks like a separator");
	buf_free(&b);
	buf_free(&want);
}

/* What other programs write into a header. */
static const struct {
	const char	*name, *head, *want;
	int		 internal;
} flagged[] = {
	{ "none",	"Subject: x\r\n\r\nStatus: R\r\n", "", 0 },
	{ "mail, mutt",	"Status: RO\r\nX-Status: AFTD\r\n\r\n",
	    "\\Seen \\Answered \\Flagged \\Draft \\Deleted", 0 },
	{ "old only",	"status: O\r\n\r\n",	"", 0 },
	{ "Dovecot",	"X-Keywords: red  $Label1   \r\n", "red $Label1", 0 },
	{ "no flag by keywords", "X-Keywords: \\Seen x\r\n", "x", 0 },
	{ "Thunderbird", "X-Mozilla-Status: 1007\r\nX-Mozilla-Keys: a b \r\n"
	    "\r\n", "\\Seen \\Answered \\Flagged $Forwarded a b", 0 },
	{ "Thunderbird, not compacted", "X-Mozilla-Status: 0009\n\n",
	    "\\Seen \\Deleted", 0 },
	{ "no number",	"X-Mozilla-Status: 00g1\r\n",	"", 0 },
	{ "too long",	"X-Mozilla-Status: 00001\r\n",	"", 0 },
	{ "UW IMAP",	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
	    "DATA\r\nX-IMAP: 1 2\r\nStatus: RO\r\n\r\n", "\\Seen", 1 },
	{ "about it",	"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL "
	    "DATA\r\n\r\n", "", 0 },
	{ "no field",	"Status\r\n:\r\n\r\n",	"", 0 },
};

/* What stands in front of messages. */
static const struct {
	const char	*line;
	int64_t		 date;		/* -1: a time alone; -2: none */
	int		 zone;
} lines[] = {
	{ "a@b Fri Jul 14 02:40:00 2017",			1500000000, 0 },
	{ "- Fri Jul 14 02:40:00 2017",				1500000000, 0 },
	{ "Fri Jul 14 02:40:00 2017",				1500000000, 0 },
	{ "a@b Sun Jul  9 02:40:00 2017\r",			1499568000, 0 },
	{ "a@b Fri Jul 14 02:40 2017",				1500000000, 0 },
	{ "user at example.com  Fri Jul 14 02:40:00 2017",	1500000000, 0 },
	{ "\"a b\" c@d  Fri Jul 14 02:40:00 2017",		1500000000, 0 },
	{ "Sat Sun a@b Fri Jul 14 02:40:00 2017",		1500000000, 0 },
	{ "1@xxx Fri Jul 14 02:40:00 +0000 2017",		1500000000, 0 },
	{ "1@xxx Fri Jul 14 04:40:00 +0200 2017",		1500000000, 120 },
	{ "a@b Fri Jul 14 02:10:00 2017 -0030",			1500000000, -30 },
	{ "a@b Thu Jul 13 18:40:00 PST 2017",			1500000000, -480 },
	{ "a@b Fri Jul 14 02:40:00 MET DST 2017",		1500000000, 0 },
	{ "a!b Fri Jul 14 02:40:00 2017 remote from c",		1500000000, 0 },
	{ "a@b Fri, 14 Jul 2017 04:40:00 +0200",		1500000000, 120 },
	{ "a@b Thu Jan  1 00:00:00 +0100 1970",			-1, 0 },
	{ "a@b 2017-07-14 02:40:00",				-1, 0 },
	{ "a@b 2017-07-14T02:40:00Z",				-1, 0 },
	{ "a@b Fri Feb 30 02:40:00 2017",			-1, 0 },
	{ "a@b Ven Jul 14 02:40:00 2017",			-1, 0 },
	{ "a@b Fri Jul 14 02:40 17",				-2, 0 },
	{ "Fri Jul 14 2017",					-2, 0 },
	{ "10:30 on, Fri",					-2, 0 },
	{ "here on",						-2, 0 },
	{ "",							-1, 0 },
	{ " \r",						-1, 0 },
	{ "-",							-2, 0 },
};

static void
from_test(void)
{
	struct mbox_meta	 m;
	struct buf		 b = { 0 };
	size_t			 i;
	int			 rc;

	for (i = 0; i < nitems(lines); i++) {
		buf_reset(&b);
		(void)buf_addf(&b, "From %s", lines[i].line);
		m.date = -1;
		m.zone = 0;
		rc = mbox_from(span_buf(&b), &m);
		CHECK(rc == (lines[i].date == -2 ? -1 : 0) && (rc == -1 ||
		    (m.date == lines[i].date && m.zone == lines[i].zone)),
		    "%s: %d %lld %d", buf_cstr(&b), rc, (long long)m.date,
		    m.zone);
	}
	buf_free(&b);
}

/* A line that is too long is none, and what is written separates, whatever the
 * date. */
static void
edges_test(void)
{
	static const int64_t	 dates[] = { INT64_MIN, -1, 0, INT64_MAX };
	struct mbox_writer	 w;
	struct mbox_meta	 m = { 0 };
	struct buf		 b = { 0 }, want = { 0 };
	size_t			 i;

	for (i = 0; i < nitems(dates); i++) {
		m.date = dates[i];
		(void)mbox_begin(&w, &b, span_of("", 0), &m);
		(void)mbox_octets(&w, &b, span_str("x\r\n"));
		(void)mbox_end(&w, &b);
	}
	CHECK(read_all(span_buf(&b), 7) == 0 && strcmp(buf_cstr(&seen),
	    "<-1 0 |>x\r\n</><-1 0 |>x\r\n</><0 0 |>x\r\n</>"
	    "<9223372036854775807 0 |>x\r\n</>") == 0, "dates: %s",
	    buf_cstr(&seen));
	buf_reset(&b);
	(void)buf_adds(&b, "From a\nx\n\nFrom ");
	for (i = 0; i < MBOX_LINE; i++)
		(void)buf_addc(&b, 'a');
	(void)buf_adds(&b, " Fri Jul 14 02:40:00 2017\n");
	(void)buf_adds(&want, "<-1 0 |>x\r\n\r\n");
	(void)buf_add(&want, b.p + 10, b.n - 11);
	(void)buf_adds(&want, "\r\n</>");
	for (i = 1; i < b.n; i += 4099)
		CHECK(read_all(span_buf(&b), i) == 0 &&
		    span_eq(span_buf(&seen), span_buf(&want)),
		    "a line that is too long, by %zu", i);
	buf_free(&b);
	buf_free(&want);
}

static void
flags_test(void)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < nitems(flagged); i++) {
		buf_reset(&b);
		rc = mbox_flags(span_str(flagged[i].head), &b);
		CHECK(rc == flagged[i].internal && span_eqs(span_buf(&b),
		    flagged[i].want), "flags, %s: %d %.*s", flagged[i].name,
		    rc, (int)b.n, (const char *)b.p);
	}
	buf_free(&b);
}

int
main(void)
{
	size_t	 i, n;
	int	 rc;

	for (i = 0; i < nitems(foreign); i++)
		for (n = 1; n < 40; n += 13) {
			errno = 0;
			rc = read_all(span_str(foreign[i].in), n);
			if (foreign[i].want == NULL)
				CHECK(rc == -1 && errno == EINVAL, "%s",
				    foreign[i].name);
			else
				CHECK(rc == 0 && strcmp(buf_cstr(&seen),
				    foreign[i].want) == 0, "%s, by %zu: %s",
				    foreign[i].name, n, buf_cstr(&seen));
		}
	for (n = 1; n < 30; n += 7)
		for (i = 1; i < 30; i += 7)
			test_round(n, i);
	from_test();
	edges_test();
	buf_free(&seen);
	flags_test();
	return (test_done());
}
