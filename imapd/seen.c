/*
 * What one session sees of a view: sequence numbers, what it has to be told.
 */
#include <stdlib.h>
#include <string.h>

#include "imapd/view.h"

static size_t	 gone_lower(const struct seen *, uint32_t);
static size_t	 reach(const struct seen *);
static void	 add_recent(struct seen *, uint32_t, uint32_t);
static void	 tell_expunged(struct seen *, const struct seen_teller *,
		    uint64_t);
static uint64_t	 unflushed(const struct seen *, uint64_t);
static int	 overtaken(const struct view *, const struct view_change *,
		    uint64_t);
static int	 may_tell(const struct view *, const struct view_change *,
		    uint64_t);
static void	 tell_flags(struct seen *, const struct seen_teller *,
		    const struct view_change *);

void
seen_open(struct seen *s, struct view *v)
{
	s->view = v;
	s->maxuid = v->mb->st.uidnext - 1;
	s->place = v->base + v->njournal;
	s->author = ++v->authors;
	v->sealed = 1;
	LIST_INSERT_HEAD(&v->seens, s, entry);
	v->nseens++;
	seen_claim(s);
}

void
seen_forget(struct seen *s)
{
	uint32_t	*uids;
	size_t		 i;

	if (s->ngone > 0 &&
	    (uids = calloc(s->ngone, sizeof(*uids))) != NULL) {
		for (i = 0; i < s->ngone; i++)
			uids[i] = s->gone[i].uid;
		view_release(s->view, uids, s->ngone);
		free(uids);
	}
	s->ngone = 0;
}

void
seen_close(struct seen *s)
{
	struct view	*v = s->view;

	if (v == NULL)
		return;
	LIST_REMOVE(s, entry);
	v->nseens--;
	v->used = store_now();
	seen_forget(s);
	free(s->gone);
	free(s->recent);
	memset(s, 0, sizeof(*s));
	if (v->nseens == 0) {
		view_trim(v);
		if (v->mb->removed)
			view_free(v);
	}
}

static size_t
gone_lower(const struct seen *s, uint32_t uid)
{
	size_t	 lo = 0, hi = s->ngone, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (s->gone[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

/* How many records of the view it counts: those up to its maxuid. */
static size_t
reach(const struct seen *s)
{
	if (s->maxuid == UINT32_MAX)
		return (s->view->n);
	return (view_lower(s->view, s->maxuid + 1));
}

uint32_t
seen_count(const struct seen *s)
{
	return ((uint32_t)(reach(s) + s->ngone));
}

uint32_t
seen_seq(const struct seen *s, uint32_t uid)
{
	size_t	 g = gone_lower(s, uid), i = view_lower(s->view, uid);

	if (uid > s->maxuid)
		return (0);
	if ((g < s->ngone && s->gone[g].uid == uid) ||
	    (i < s->view->n && s->view->recs[i].uid == uid))
		return ((uint32_t)(g + i + 1));
	return (0);
}

uint32_t
seen_uid(const struct seen *s, uint32_t seq)
{
	size_t	 lo = 0, hi = s->ngone, mid, k = (size_t)seq - 1;

	if (seq == 0)
		return (0);
	while (lo < hi) {	/* first gone one at position k or later */
		mid = lo + (hi - lo) / 2;
		if (view_lower(s->view, s->gone[mid].uid) + mid < k)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < s->ngone && view_lower(s->view, s->gone[lo].uid) + lo == k)
		return (s->gone[lo].uid);
	k -= lo;
	if (k >= s->view->n || s->view->recs[k].uid > s->maxuid)
		return (0);
	return (s->view->recs[k].uid);
}

int
seen_is_gone(const struct seen *s, uint32_t uid)
{
	size_t	 g = gone_lower(s, uid);

	return (g < s->ngone && s->gone[g].uid == uid);
}

const struct msgrec *
seen_rec(const struct seen *s, uint32_t uid)
{
	struct view	*v = s->view;
	struct msgrec	*r;
	size_t		 lo = 0, hi = v->ngone, mid;

	if (uid > s->maxuid)
		return (NULL);
	if ((r = view_find(v, uid)) != NULL || !seen_is_gone(s, uid))
		return (r);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v->gone[mid].rec.uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < v->ngone && v->gone[lo].rec.uid == uid)
		return (&v->gone[lo].rec);
	return (NULL);
}

uint32_t
seen_next(const struct seen *s, uint32_t uid)
{
	size_t		 g, i;
	uint32_t	 a = 0, b = 0;

	if (uid >= s->maxuid)
		return (0);
	g = gone_lower(s, uid + 1);
	i = view_lower(s->view, uid + 1);
	if (g < s->ngone)
		a = s->gone[g].uid;
	if (i < s->view->n && s->view->recs[i].uid <= s->maxuid)
		b = s->view->recs[i].uid;
	if (a == 0 || b == 0)
		return (a | b);
	return (a < b ? a : b);
}

int
seen_recent(const struct seen *s, uint32_t uid)
{
	size_t	 i;

	for (i = s->nrecent; i > 0; i--)
		if (uid >= s->recent[i - 1].lo)
			return (uid <= s->recent[i - 1].hi);
	return (0);
}

uint32_t
seen_nrecent(const struct seen *s)
{
	size_t		 i, g;
	uint64_t	 sum = 0;
	uint32_t	 end;

	for (i = 0; i < s->nrecent; i++) {
		end = s->recent[i].hi == UINT32_MAX ? UINT32_MAX :
		    s->recent[i].hi + 1;
		sum += view_lower(s->view, end) -
		    view_lower(s->view, s->recent[i].lo);
		for (g = gone_lower(s, s->recent[i].lo); g < s->ngone &&
		    s->gone[g].uid <= s->recent[i].hi; g++)
			sum++;
	}
	return ((uint32_t)sum);
}

static void
add_recent(struct seen *s, uint32_t lo, uint32_t hi)
{
	struct range	*nv;

	if (s->nrecent > 0 && s->recent[s->nrecent - 1].hi + 1 == lo) {
		s->recent[s->nrecent - 1].hi = hi;
		return;
	}
	if (s->nrecent == VIEW_RECENT_MAX) {	/* the oldest are not new */
		memmove(s->recent, s->recent + 1, --s->nrecent *
		    sizeof(*s->recent));
	}
	if ((nv = reallocarray(s->recent, s->nrecent + 1,
	    sizeof(*nv))) == NULL)
		return;
	s->recent = nv;
	nv[s->nrecent].lo = lo;
	nv[s->nrecent++].hi = hi;
}

void
seen_claim(struct seen *s)
{
	struct mailbox	*mb = s->view->mb;
	uint8_t		 k[16];
	uint32_t	 lo = mb->st.recent;

	if (lo > s->maxuid)
		return;
	if (s->readonly) {	/* it looks, but takes nothing */
		s->nrecent = 0;
		add_recent(s, lo, s->maxuid);
		return;
	}
	add_recent(s, lo, s->maxuid);
	if (mb->removed || !dbenv_writable(mb->account->part->env))
		return;
	mb->st.recent = s->maxuid + 1;
	/* A late write: nobody waits for it. */
	(void)part_put(mb->account->part->state,
	    key_u64_2(k, mb->account->id, mb->id), &c_mbstate, &mb->st);
}

/* The first group, not flushed, in which a message came or went of which the
 * session has not been told. */
static uint64_t
unflushed(const struct seen *s, uint64_t done)
{
	const struct view	*v = s->view;
	uint64_t		 first = UINT64_MAX;
	size_t			 i;

	for (i = 0; i < s->ngone; i++)
		if (s->gone[i].seq > done && s->gone[i].seq < first)
			first = s->gone[i].seq;
	for (i = s->place - v->base; i < v->njournal; i++)
		if (v->journal[i].kind == CHANGE_ADD &&
		    v->journal[i].seq > done) {
			if (v->journal[i].seq < first)
				first = v->journal[i].seq;
			break;
		}
	return (first);
}

/* Did one of these messages change again in that group or later? */
static int
overtaken(const struct view *v, const struct view_change *c, uint64_t first)
{
	const struct view_change	*l;

	for (l = v->journal + v->njournal; l-- > c + 1 && l->seq >= first;)
		if (l->kind == CHANGE_FLAGS && l->lo <= c->hi &&
		    l->hi >= c->lo)
			return (1);
	return (0);
}

/*
 * Flags are told as they are now: all of their changes must be committed, and
 * what allows late ones flushed.  Whoever was told of a mod-sequence takes it
 * that nothing below it is missing: so they wait for what came or went before
 * them.
 */
static int
may_tell(const struct view *v, const struct view_change *c, uint64_t first)
{
	const struct mailbox	*mb = v->mb;
	uint64_t		 done = dbenv_flushed(v->part->env);
	uint64_t		 committed = dbenv_committed(v->part->env);

	if (c->kind == CHANGE_FLAGS && (mb->marked > done ||
	    mb->late > committed || c->seq >= first || overtaken(v, c, first)))
		return (0);
	return (c->seq <= (c->late ? committed : done));
}

uint64_t
seen_below(const struct seen *s)
{
	uint64_t	 least = UINT64_MAX;
	size_t		 i;

	for (i = 0; i < s->ngone; i++)
		if (s->gone[i].modseq < least)
			least = s->gone[i].modseq;
	return (s->ngone == 0 ? 0 : least - 1);
}

int
seen_news(const struct seen *s, int expunges)
{
	const struct view	*v = s->view;
	uint64_t		 done = dbenv_flushed(v->part->env);
	size_t			 i;

	if (s->lost)
		return (1);
	if (s->place < v->base + v->njournal &&
	    may_tell(v, &v->journal[s->place - v->base], unflushed(s, done)))
		return (1);
	for (i = 0; expunges && i < s->ngone; i++)
		if (s->gone[i].seq <= done)
			return (1);
	return (0);
}

/*
 * From the highest down, so that each number is right whether the client
 * counts it before or after those below it.
 */
static void
tell_expunged(struct seen *s, const struct seen_teller *t, uint64_t done)
{
	uint32_t	*uids, uid;
	size_t		 i, n = 0, kept = 0;

	if (s->ngone == 0 || (uids = calloc(s->ngone, sizeof(*uids))) == NULL)
		return;
	for (i = s->ngone; i > 0; i--) {
		if (s->gone[i - 1].seq > done)
			continue;
		uid = s->gone[i - 1].uid;
		t->expunged(s, (uint32_t)(view_lower(s->view, uid) + i), uid);
		n++;
	}
	for (i = n = 0; i < s->ngone; i++) {
		if (s->gone[i].seq > done)
			s->gone[kept++] = s->gone[i];
		else
			uids[n++] = s->gone[i].uid;
	}
	s->ngone = kept;
	if (n > 0)
		t->vanished(s, uids, n);
	view_release(s->view, uids, n);
	free(uids);
	if (s->ngone == 0) {
		free(s->gone);
		s->gone = NULL;
		s->capgone = 0;
	}
}

static void
tell_flags(struct seen *s, const struct seen_teller *t,
    const struct view_change *c)
{
	const struct view	*v = s->view;
	size_t			 i;

	if (c->author == s->author)
		return;
	for (i = view_lower(v, c->lo); i < v->n && v->recs[i].uid <= c->hi &&
	    v->recs[i].uid <= s->maxuid; i++)
		t->flags(s, &v->recs[i]);
}

void
seen_tell(struct seen *s, const struct seen_teller *t, int expunges)
{
	struct view		*v = s->view;
	const struct view_change *c;
	uint64_t		 done = dbenv_flushed(v->part->env);
	uint64_t		 first = unflushed(s, done);
	uint32_t		 most = s->maxuid;

	if (expunges)
		tell_expunged(s, t, done);
	while (s->place < v->base + v->njournal) {
		c = &v->journal[s->place - v->base];
		if (!may_tell(v, c, first))
			break;
		s->place++;
		if (c->kind == CHANGE_FLAGS)
			tell_flags(s, t, c);
		else if (c->hi > most)
			most = c->hi;
	}
	if (most > s->maxuid) {
		s->maxuid = most;
		seen_claim(s);
		t->exists(s, seen_count(s), seen_nrecent(s));
	}
	view_trim(v);
}
