/*
 * What a session is told of its mailbox: changes of others, flags, keywords.
 */
#include <string.h>

#include "imapd/flags.h"
#include "imapd/notify.h"
#include "imapd/parse/write.h"
#include "imapd/place.h"
#include "imapd/session.h"
#include "imapd/vanished.h"

static void	 write_expunged(struct seen *, uint32_t, uint32_t);
static void	 write_vanished(struct seen *, const uint32_t *, size_t);
static void	 write_changed(struct seen *, const struct msgrec *);
static void	 ignore_changed(struct seen *, const struct msgrec *);
static void	 write_exists(struct seen *, uint32_t, uint32_t);

static const struct seen_teller teller = {
	write_expunged, write_vanished, write_changed, write_exists
};
static const struct seen_teller no_flags = {
	write_expunged, write_vanished, ignore_changed, write_exists
};

static struct session *
of_seen(struct seen *s)
{
	return ((struct session *)(void *)((char *)s -
	    offsetof(struct session, seen)));
}

static void
write_expunged(struct seen *n, uint32_t seq, uint32_t uid)
{
	struct session	*s = of_seen(n);

	(void)uid;
	if ((s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY)) == 0)
		(void)buf_addf(&s->out, "* %u EXPUNGE\r\n", seq);
}

/* RFC 7162 section 3.2.10, RFC 9586 section 3.6: instead of the above.  What has
 * no room there is told by a connection that ends. */
static void
write_vanished(struct seen *n, const uint32_t *uids, size_t k)
{
	struct session	*s = of_seen(n);
	struct seqset	 set = { 0 };
	size_t		 i;

	if ((s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY)) == 0)
		return;
	for (i = 0; i < k && seqset_add(&set, uids[i]) == 0; i++)
		continue;
	if (i < k)
		n->lost = 1;
	vanished_write(&s->out, &set, 0);
	seqset_free(&set);
}

/* While no command runs: what comes next was perhaps said before this. */
static void
write_changed(struct seen *n, const struct msgrec *r)
{
	struct session	*s = of_seen(n);

	s->pushed |= s->phase == PHASE_READ;
	session_write_changed(s, r);
}

static void
ignore_changed(struct seen *n, const struct msgrec *r)
{
	struct session	*s = of_seen(n);

	if (s->untold == 0 || r->modseq < s->untold)
		s->untold = r->modseq;
}

/* RFC 9586 section 3.3: the UID stands in front. */
void
session_write_fetch(const struct session *s, struct buf *b, uint32_t seq,
    uint32_t uid)
{
	int	 uidonly = (s->enabled & ENABLED_UIDONLY) != 0;

	(void)buf_adds(b, "* ");
	number_write(b, uidonly ? uid : seq);
	(void)buf_adds(b, uidonly ? " UIDFETCH (" : " FETCH (");
}

void
session_write_changed(struct session *s, const struct msgrec *r)
{
	struct seen	*n = &s->seen;

	session_write_fetch(s, &s->out, seen_seq(n, r->uid), r->uid);
	if ((s->enabled & ENABLED_UIDONLY) == 0)
		(void)buf_addf(&s->out, "UID %u ", r->uid);
	session_write_flags(s, &s->out, r, seen_recent(n, r->uid));
	if ((s->enabled & ENABLED_CONDSTORE) != 0)
		(void)buf_addf(&s->out, " MODSEQ (%llu)",
		    (unsigned long long)r->modseq);
	(void)buf_adds(&s->out, ")\r\n");
}

static void
write_exists(struct seen *n, uint32_t count, uint32_t recent)
{
	struct session	*s = of_seen(n);

	(void)buf_addf(&s->out, "* %u EXISTS\r\n", count);
	if ((s->enabled & ENABLED_REV2) == 0)
		(void)buf_addf(&s->out, "* %u RECENT\r\n", recent);
}

void
session_write_flags(struct session *s, struct buf *b, const struct msgrec *r,
    int recent)
{
	const char	*sp;

	(void)buf_adds(b, "FLAGS (");
	sp = flags_write(b, r->flags, "");
	if (recent && (s->enabled & ENABLED_REV2) == 0) {
		(void)buf_adds(b, sp);
		(void)buf_adds(b, "\\Recent");
		sp = " ";
	}
	if (r->keywords != 0)
		(void)keywords_write(b, s->seen.view->mb, r->keywords, sp);
	(void)buf_addc(b, ')');
}

void
session_write_keywords(struct session *s, struct buf *b)
{
	const struct mailbox	*mb = s->seen.view->mb;
	size_t			 i;

	(void)buf_adds(b, "(\\Answered \\Flagged \\Deleted \\Seen \\Draft");
	for (i = 0; i < mb->nkeywords; i++)
		(void)buf_addf(b, " %s", mb->keywords[i]);
	s->keywords = mb->nkeywords;
}

/* RFC 3501 section 7.1, RFC 4314 section 5.1 */
void
session_write_permanent(struct session *s, struct buf *b, uint32_t rights)
{
	const struct mailbox	*mb = s->seen.view->mb;
	const char		*sp;

	if ((rights & RIGHTS_ALL) == RIGHTS_ALL)
		session_write_keywords(s, b);
	else {
		(void)buf_addc(b, '(');
		sp = flags_write(b, place_flags(rights), "");
		if ((rights & RIGHT_WRITE) != 0)
			(void)keywords_write(b, mb, UINT64_MAX, sp);
	}
	if ((rights & RIGHT_WRITE) != 0 && mb->nkeywords < KEYWORDS_MAX)
		(void)buf_adds(b, " \\*");
}

/* RFC 9051 section 7.1: with the last one goes what was said of new ones. */
void
session_tell_keywords(struct session *s)
{
	if (s->state != ST_SELECTED ||
	    s->keywords == s->seen.view->mb->nkeywords)
		return;
	(void)buf_adds(&s->out, "* FLAGS ");
	session_write_keywords(s, &s->out);
	(void)buf_adds(&s->out, ")\r\n");
	if (s->keywords < KEYWORDS_MAX || s->seen.readonly)
		return;
	(void)buf_adds(&s->out, "* OK [PERMANENTFLAGS ");
	session_write_permanent(s, &s->out, place_selected(s));
	(void)buf_adds(&s->out, ")] no more keywords\r\n");
}

void
session_tell(struct session *s, int expunges)
{
	struct dbenv	*env = s->account->part->env;
	uint32_t	 most = s->seen.maxuid;

	if (s->state != ST_SELECTED)
		return;
	/* What another has changed in this turn of the loop. */
	if (s->seen.view->mb->late > dbenv_committed(env))
		dbenv_turn_end(env);
	if (!seen_news(&s->seen, expunges))
		return;
	session_tell_keywords(s);
	seen_tell(&s->seen, notify_flags(s) ? &teller : &no_flags, expunges);
	if (s->notify != NULL && s->seen.maxuid > most)
		notify_arrived(s, most + 1, s->seen.maxuid);
}

/* A number in the place of the one that the tagged answer has. */
static int
lower_reply(struct session *s, uint64_t below)
{
	static const char	 code[] = " OK [HIGHESTMODSEQ ";
	const size_t		 at = s->tag.n + sizeof(code) - 1;
	struct buf		 b = { 0 };
	size_t			 end = at;

	if (s->reply.n < at || memcmp(s->reply.p + s->tag.n, code,
	    sizeof(code) - 1) != 0)
		return (0);
	while (end < s->reply.n && s->reply.p[end] != ']')
		end++;
	(void)buf_add(&b, s->reply.p, at);
	number_write(&b, below);
	(void)buf_add(&b, s->reply.p + end, s->reply.n - end);
	buf_free(&s->reply);
	s->reply = b;
	return (1);
}

/*
 * RFC 7162 section 3.2: who comes back with a mod-sequence is told of what
 * happened above it alone.  So a client that knows higher ones than that of a
 * removal which it may not be told now (section 6), or of flags of which it asked
 * not to be told (RFC 5465), has to keep a lower one.
 */
void
session_tell_below(struct session *s, int withheld)
{
	uint64_t	 below;

	if (s->state != ST_SELECTED || (s->enabled & ENABLED_CONDSTORE) == 0)
		return;
	below = withheld ? seen_below(&s->seen) : 0;
	if (s->untold != 0 && (below == 0 || s->untold <= below))
		below = s->untold - 1;
	if (below != 0 && !lower_reply(s, below))
		(void)buf_addf(&s->out, "* OK [HIGHESTMODSEQ %llu] not all is "
		    "told yet\r\n", (unsigned long long)below);
}

void
session_news(struct seen *n)
{
	struct session	*s = of_seen(n);

	if (n->lost || s->phase == PHASE_IDLE ||
	    (s->phase == PHASE_READ && s->notify != NULL))
		session_wake(s);
}
