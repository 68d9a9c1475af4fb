/*
 * What programs that keep mail in an mbox write about a message into its own
 * header: Status and X-Status (mail, mutt, Dovecot), X-Keywords (Dovecot, UW
 * IMAP), X-Mozilla-Status and X-Mozilla-Keys (Thunderbird).  See mbox.h.
 */
#include <string.h>

#include "mbox.h"

static void	 on_letters(struct span, struct buf *);
static void	 on_words(struct span, struct buf *);
static void	 on_mozilla(struct span, struct buf *);

static const struct {
	const char	*name;
	void		(*run)(struct span, struct buf *);
} fields[] = {
	{ "Status",		on_letters },
	{ "X-Status",		on_letters },
	{ "X-Keywords",		on_words },
	{ "X-Mozilla-Keys",	on_words },
	{ "X-Mozilla-Status",	on_mozilla },
};

static void
add(struct buf *b, struct span word)
{
	if (b->n > 0)
		(void)buf_addc(b, ' ');
	(void)buf_add_span(b, word);
}

static void
on_letters(struct span s, struct buf *b)
{
	static const struct { int letter; const char *flag; } letters[] = {
		{ 'R', "\\Seen" }, { 'A', "\\Answered" },
		{ 'F', "\\Flagged" }, { 'T', "\\Draft" },
		{ 'D', "\\Deleted" },
	};
	size_t	 i, k;

	for (i = 0; i < s.n; i++)
		for (k = 0; k < nitems(letters); k++)
			if (s.p[i] == letters[k].letter)
				add(b, span_str(letters[k].flag));
}

static void
on_words(struct span s, struct buf *b)
{
	struct span	 word;
	int		 more;

	do {
		more = span_split(&s, ' ', &word);
		if (word.n > 0 && word.p[0] != '\\')
			add(b, word);
	} while (more);
}

/* Four hexadecimal digits.  What is to go with the next compaction is not gone
 * yet. */
static void
on_mozilla(struct span s, struct buf *b)
{
	static const struct { unsigned bit; const char *flag; } bits[] = {
		{ 0x0001, "\\Seen" }, { 0x0002, "\\Answered" },
		{ 0x0004, "\\Flagged" }, { 0x0008, "\\Deleted" },
		{ 0x1000, "$Forwarded" },
	};
	unsigned	 v = 0;
	size_t		 i;
	const char	*at, *digits = "0123456789abcdef";

	for (i = 0; i < s.n; i++) {
		at = memchr(digits, s.p[i] >= 'A' && s.p[i] <= 'F' ?
		    s.p[i] | 0x20 : s.p[i], 16);
		if (at == NULL || i == 4)
			return;
		v = v << 4 | (unsigned)(at - digits);
	}
	for (i = 0; i < nitems(bits); i++)
		if ((v & bits[i].bit) != 0)
			add(b, span_str(bits[i].flag));
}

int
mbox_flags(struct span s, struct buf *b)
{
	struct span	 line, name;
	size_t		 i;
	int		 internal = 0, imap = 0, more;

	do {
		more = span_split(&s, '\n', &line);
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			break;
		if (span_split(&line, ':', &name) == 0)
			continue;
		line = span_trim(line);
		for (i = 0; i < nitems(fields); i++)
			if (span_caseeqs(name, fields[i].name))
				fields[i].run(line, b);
		internal |= span_caseeqs(name, "Subject") &&
		    span_eqs(line, "DON'T DELETE THIS MESSAGE -- FOLDER "
		    "INTERNAL DATA");
		imap |= span_caseeqs(name, "X-IMAP");
	} while (more);
	return (internal && imap);
}
