/*
 * UIDBATCHES, RFC 10022: the ranges of UIDs that cut the mailbox into batches of
 * so many messages, from the newest down.  A batch costs a few steps, however
 * many messages it has, so that nobody is refused for asking again soon
 * (section 6).
 */
#include "imapd/cmd.h"
#include "imapd/parse/write.h"

#define BATCH_LEAST	500	/* messages of one, section 3.1.3.2 */
#define RANGE_MOST	100000	/* messages of a range, section 3.1.5 */

struct batches {
	uint64_t	 size;		/* messages of one */
	uint64_t	 lo, hi;	/* which; the newest is 1 */
	int		 range;		/* they were given */
};

/* SP nz-number [SP nz-number ":" nz-number] */
static int
parse(struct cursor *c, struct batches *b)
{
	if (cur_sp(c) == -1 || cur_number(c, UINT32_MAX, &b->size) == -1)
		return (-1);
	b->lo = 1;
	b->hi = UINT32_MAX;
	if ((b->range = cur_peek(c) == ' ') && (cur_sp(c) == -1 ||
	    cur_number(c, UINT32_MAX, &b->lo) == -1 ||
	    cur_char(c, ':') == -1 || cur_number(c, UINT32_MAX, &b->hi) == -1))
		return (-1);
	if (cur_end(c) == -1)
		return (-1);
	if (b->size > 0 && b->lo > 0 && b->hi > 0)
		return (0);
	c->error = "expected a number above zero";
	return (-1);
}

/*
 * Each range goes down to right above the next one's highest message, the last
 * one to 1: no UID is in between (section 3.1.4).
 */
static void
write_batches(struct buf *out, const struct seen *n, const struct batches *b)
{
	uint32_t	 all = seen_count(n), hi;
	uint64_t	 k, left;
	char		 sep = ' ';

	for (k = b->lo; k <= b->hi && (k - 1) * b->size < all; k++) {
		left = all - (k - 1) * b->size;		/* this one and below */
		hi = k == 1 ? n->maxuid : seen_uid(n, (uint32_t)left + 1) - 1;
		(void)buf_addc(out, sep);
		number_write(out, hi);
		(void)buf_addc(out, ':');
		number_write(out, left <= b->size ? 1 :
		    seen_uid(n, (uint32_t)(left - b->size) + 1));
		sep = ',';
	}
}

enum step
cmd_uidbatches(struct session *s, struct cursor *c)
{
	struct buf	*out = session_out(s);
	struct batches	 b;

	if (parse(c, &b) == -1)
		return (session_syntax(s, c));
	if (b.lo > b.hi) {
		s->bad++;
		return (session_reply(s, "BAD [CLIENTBUG] the range of batches "
		    "is the wrong way round"));
	}
	if (b.size < BATCH_LEAST)
		return (session_replyf(s, "NO [TOOFEW] a batch has at least %d "
		    "messages", BATCH_LEAST));
	if (b.range && (b.hi - b.lo + 1) * b.size > RANGE_MOST)
		return (session_replyf(s, "NO [TOOMANY] a range has at most %d "
		    "messages", RANGE_MOST));
	(void)buf_adds(out, "* UIDBATCHES (TAG ");
	string_write(out, s->tag);
	(void)buf_addc(out, ')');
	write_batches(out, &s->seen, &b);
	(void)buf_adds(out, "\r\n");
	return (session_reply(s, "OK UIDBATCHES completed"));
}
