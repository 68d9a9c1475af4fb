/*
 * The records of a mailbox in memory, what is gone of them, and the journal.
 * What a session sees of it: seen.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "imapd/ending.h"
#include "imapd/known.h"
#include "imapd/mailbox_int.h"
#include "imapd/view.h"
#include "log.h"

#define LOAD_RECORDS	2000		/* read before looking at the clock */

static int	 room(void *, size_t *, size_t, size_t);
static void	 note(struct view *, enum change_kind, uint32_t, uint64_t,
		    uint32_t, int);
static void	 watch(struct view *);
static void	 flushed(struct dbenv_wait *, int);
static void	 tell_all(struct view *);
static void	 keep_gone(struct view *, const struct msgrec *, uint64_t,
		    int);

/* Grow an array (the address of its pointer) to hold n elements. */
static int
room(void *vp, size_t *cap, size_t n, size_t size)
{
	void	*old, *v;
	size_t	 want;

	if (n <= *cap)
		return (0);
	want = *cap == 0 ? 16 : *cap + *cap / 2;
	if (want < n)
		want = n;
	memcpy(&old, vp, sizeof(old));
	if ((v = reallocarray(old, want, size)) == NULL)
		return (-1);
	memcpy(vp, &v, sizeof(v));
	*cap = want;
	return (0);
}

struct view *
view_get(struct mailbox *mb)
{
	struct view	*v;

	if (mb->view != NULL)
		return (mb->view);
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return (NULL);
	v->mb = mb;
	v->part = mb->account->part;
	v->next = 1;
	v->used = store_now();
	LIST_INIT(&v->seens);
	mb->view = v;
	return (v);
}

/*
 * No piece that was read outlives the call, so that a change between two calls
 * is either applied to what is here, or read.
 */
int
view_load(struct view *v)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	struct msgrec		 r;
	uint32_t		 uid;
	uint8_t			 k[12], kp[8];
	int			 rc = 1, n = 0;

	if (v->loaded)
		return (0);
	dbenv_iter_init(&it, v->part->index, key_msg(k, v->mb->id, v->next),
	    key_u64(kp, v->mb->id));
	while (n++ < LOAD_RECORDS &&
	    (rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 && errno != EILSEQ)
			break;
		uid = key_uid(key);
		/* At or above UIDNEXT: staged, or left by a crash. */
		if (uid >= v->mb->st.uidnext) {
			rc = 0;
			break;
		}
		if (rc == -1 || msgrec_get(val, &r) == -1)
			log_error("mailbox %016llx: UID %u is damaged",
			    (unsigned long long)v->mb->id, uid);
		else if (room(&v->recs, &v->cap, v->n + 1,
		    sizeof(*v->recs)) == -1) {
			rc = -1;
			break;
		} else {
			r.uid = uid;
			v->recs[v->n++] = r;
		}
		v->next = uid + 1;
		rc = 1;
	}
	dbenv_iter_free(&it);
	if (rc == 0)
		v->loaded = 1;
	return (rc);
}

int
view_need(struct view *v)
{
	struct seen	*s;
	int		 rc = 0;

	v->used = store_now();
	while (!v->loaded && (rc = view_load(v)) == 1)
		continue;
	if (rc == -1) {
		log_error("mailbox %016llx: cannot be read: %s",
		    (unsigned long long)v->mb->id, strerror(errno));
		LIST_FOREACH(s, &v->seens, entry)
			s->lost = 1;
	}
	return (rc);
}

static void
view_forget(struct view *v)
{
	known_free(v->known);
	v->known = NULL;
	datecache_free(&v->dates);
}

struct known *
view_known(struct view *v)
{
	if (v->known == NULL)
		v->known = known_new();
	return (v->known);
}

void
view_rest(struct view *v)
{
	if (!v->loaded)
		return;
	free(v->recs);
	v->recs = NULL;
	v->n = v->cap = 0;
	v->loaded = 0;
	v->next = 1;
	v->seen_below = 0;
	view_forget(v);
}

void
view_free(struct view *v)
{
	size_t	 i;

	if (v == NULL)
		return;
	dbenv_unwait(v->part->env, &v->wait);
	for (i = 0; i < v->ngone; i++)
		if (v->gone[i].kept)
			ending_message(v->part, v->mb->id, &v->gone[i].rec);
	v->mb->view = NULL;
	if (v->mb->removed)
		mailbox_free(v->mb);
	free(v->recs);
	known_free(v->known);
	datecache_free(&v->dates);
	free(v->gone);
	free(v->journal);
	free(v);
}

void
view_drop(struct view *v)
{
	if (v != NULL && v->nseens == 0)
		view_free(v);
}

void
view_gone(struct view *v, int lost)
{
	struct seen	*s;

	LIST_FOREACH(s, &v->seens, entry)
		s->lost = lost;
	tell_all(v);
	view_drop(v);
}

/*
 * Memory is ahead of a disk that went back.  What was only in the undone group
 * was told to nobody: the records are read again, at once, and the journal and
 * the lists lose what carries its number.
 */
void
view_reload(struct view *v, uint64_t seq)
{
	struct seen	*s;
	size_t		 i, n;

	view_forget(v);		/* a UID of that group is given again */
	v->n = 0;
	v->loaded = 0;
	v->next = 1;
	v->seen_below = 0;
	while (view_load(v) == 1)
		continue;
	while (v->njournal > 0 && v->journal[v->njournal - 1].seq >= seq)
		v->njournal--;
	v->sealed = 1;
	LIST_FOREACH(s, &v->seens, entry) {
		if (s->place > v->base + v->njournal)
			s->place = v->base + v->njournal;
		for (i = n = 0; i < s->ngone; i++)
			if (s->gone[i].seq < seq)
				s->gone[n++] = s->gone[i];
		s->ngone = n;
		if (s->maxuid >= v->mb->st.uidnext)
			s->maxuid = v->mb->st.uidnext - 1;
	}
	for (i = n = 0; i < v->ngone; i++)
		if (v->gone[i].seq < seq)
			v->gone[n++] = v->gone[i];
	v->ngone = n;
}

size_t
view_lower(const struct view *v, uint32_t uid)
{
	size_t	 lo = 0, hi = v->n, mid;

	/* The usual one is near the end, or all are there. */
	if (hi > 0 && v->recs[hi - 1].uid < uid)
		return (hi);
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v->recs[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (lo);
}

struct msgrec *
view_find(const struct view *v, uint32_t uid)
{
	size_t	 i = view_lower(v, uid);

	return (i < v->n && v->recs[i].uid == uid ? &v->recs[i] : NULL);
}

static void
tell_all(struct view *v)
{
	struct seen	*s, *next;

	for (s = LIST_FIRST(&v->seens); s != NULL; s = next) {
		next = LIST_NEXT(s, entry);
		if (s->news != NULL)
			s->news(s);
	}
}

/* Tell the sessions once the last change is flushed. */
static void
watch(struct view *v)
{
	if (v->waiting || v->nseens == 0)
		return;
	v->wait.done = flushed;
	v->wait.arg = v;
	v->waiting = 1;
	if (dbenv_wait(v->part->env, v->mb->seq, &v->wait) == 1) {
		v->waiting = 0;
		tell_all(v);
	}
}

static void
flushed(struct dbenv_wait *w, int error)
{
	struct view	*v = w->arg;

	v->waiting = 0;
	if (error == 0 && v->mb->seq > dbenv_flushed(v->part->env))
		watch(v);		/* more came meanwhile */
	tell_all(v);
}

void
view_trim(struct view *v)
{
	struct seen	*s;
	uint64_t	 least = v->base + v->njournal;
	size_t		 n;

	LIST_FOREACH(s, &v->seens, entry)
		if (s->place < least && !s->lost)
			least = s->place;
	if ((n = (size_t)(least - v->base)) == 0 ||
	    (n < 64 && n < v->njournal))
		return;
	v->njournal -= n;
	memmove(v->journal, v->journal + n, v->njournal * sizeof(*v->journal));
	v->base = least;
}

static void
note(struct view *v, enum change_kind kind, uint32_t uid, uint64_t seq,
    uint32_t author, int late)
{
	struct view_change	*c;
	struct seen		*s;

	/* One run of neighbours in one group is one entry. */
	if (v->nseens == 0)
		return;
	if (v->njournal > 0 && !v->sealed) {
		c = &v->journal[v->njournal - 1];
		if (c->kind == kind && c->seq == seq && c->author == author &&
		    c->late == late &&
		    c->hi < uid && (kind == CHANGE_ADD || (v->at > 0 &&
		    v->recs[v->at - 1].uid == c->hi))) {
			c->hi = uid;
			return;
		}
	}
	if (v->njournal == v->capjournal)
		view_trim(v);
	if ((v->njournal + 1) * sizeof(*c) > VIEW_JOURNAL_MAX ||
	    room(&v->journal, &v->capjournal, v->njournal + 1,
	    sizeof(*c)) == -1) {
		/* Whoever did not read the oldest quarter will not. */
		LIST_FOREACH(s, &v->seens, entry)
			if (s->place < v->base + v->njournal / 4)
				s->lost = 1;
		view_trim(v);
		if (v->njournal == v->capjournal)
			return;
	}
	v->sealed = 0;
	c = &v->journal[v->njournal++];
	c->seq = seq;
	c->lo = c->hi = uid;
	c->author = author;
	c->kind = (uint8_t)kind;
	c->late = (uint8_t)late;
}

int
view_add(struct view *v, const struct msgrec *r, uint64_t seq)
{
	v->mb->seq = seq;
	if (v->loaded) {
		if (room(&v->recs, &v->cap, v->n + 1, sizeof(*v->recs)) == -1) {
			/* Read it again when somebody looks. */
			v->loaded = 0;
			v->next = r->uid;
			return (-1);
		}
		v->recs[v->n++] = *r;
	}
	note(v, CHANGE_ADD, r->uid, seq, 0, 0);
	watch(v);
	return (0);
}

void
view_flags(struct view *v, const struct msgrec *r, uint64_t seq,
    uint32_t author, int late)
{
	size_t	 i = v->at + 1;		/* often it is the next */

	if (!late)
		v->mb->seq = seq;
	if (i >= v->n || v->recs[i].uid != r->uid)
		i = view_lower(v, r->uid);
	if (i == v->n || v->recs[i].uid != r->uid)
		return;
	v->recs[i] = *r;
	v->at = i;
	if ((r->flags & MF_SEEN) == 0 && r->uid < v->seen_below)
		v->seen_below = r->uid;
	note(v, CHANGE_FLAGS, r->uid, seq, author, late);
	if (!late)
		watch(v);
}

/* They are committed before anybody is told, see session_tell(). */
void
view_news(struct view *v)
{
	if (v->nseens > 1)
		tell_all(v);
}

static void
keep_gone(struct view *v, const struct msgrec *r, uint64_t seq, int kept)
{
	struct seen	*s;
	size_t		 i;
	unsigned	 refs = 0;

	LIST_FOREACH(s, &v->seens, entry)
		if (s->maxuid >= r->uid && !s->lost)
			refs++;
	if (refs == 0 || room(&v->gone, &v->capgone, v->ngone + 1,
	    sizeof(*v->gone)) == -1) {
		if (kept)
			ending_message(v->part, v->mb->id, r);
		return;
	}
	for (i = v->ngone; i > 0 && v->gone[i - 1].rec.uid > r->uid; i--)
		v->gone[i] = v->gone[i - 1];
	v->gone[i].rec = *r;
	v->gone[i].seq = seq;
	v->gone[i].refs = refs;
	v->gone[i].kept = kept;
	v->ngone++;
}

static int
by_uid(const void *x, const void *y)
{
	const struct seen_gone	*a = x, *b = y;

	return (a->uid < b->uid ? -1 : a->uid > b->uid);
}

/* A session counts these though they are gone. */
static void
put_back(struct seen *s, const uint32_t *uids, size_t n, uint64_t seq)
{
	size_t	 i, was = s->ngone;

	if (s->lost)
		return;
	if (s->ngone + n > VIEW_GONE_MAX || room(&s->gone, &s->capgone,
	    s->ngone + n, sizeof(*s->gone)) == -1) {
		s->lost = 1;
		return;
	}
	for (i = 0; i < n && uids[i] <= s->maxuid; i++) {
		s->gone[s->ngone].uid = uids[i];
		s->gone[s->ngone].modseq = s->view->mb->st.modseq;
		s->gone[s->ngone++].seq = seq;
	}
	if (was > 0 && was < s->ngone &&
	    s->gone[was - 1].uid > s->gone[was].uid)
		qsort(s->gone, s->ngone, sizeof(*s->gone), by_uid);
}

void
view_expunge(struct view *v, const uint32_t *uids, const uint8_t *kept,
    size_t n, uint64_t seq)
{
	struct seen	*s;
	size_t		 from, to, k = 0;

	v->mb->seq = seq;
	if (n == 0)
		return;
	LIST_FOREACH(s, &v->seens, entry)
		put_back(s, uids, n, seq);
	from = to = view_lower(v, uids[0]);
	for (; from < v->n; from++) {
		while (k < n && uids[k] < v->recs[from].uid)
			k++;
		if (k == n)
			break;
		if (uids[k] == v->recs[from].uid)
			keep_gone(v, &v->recs[from], seq, kept[k]);
		else
			v->recs[to++] = v->recs[from];
	}
	memmove(v->recs + to, v->recs + from, (v->n - from) *
	    sizeof(*v->recs));
	v->n -= from - to;
	watch(v);
}

/* Both lists are sorted; one pass. */
void
view_release(struct view *v, const uint32_t *uids, size_t n)
{
	struct view_gone	*g;
	size_t			 i, k = 0, to = 0;

	for (i = 0; i < v->ngone; i++) {
		g = &v->gone[i];
		while (k < n && uids[k] < g->rec.uid)
			k++;
		if (k < n && uids[k] == g->rec.uid && --g->refs == 0) {
			if (g->kept)
				ending_message(v->part, v->mb->id, &g->rec);
			continue;
		}
		v->gone[to++] = *g;
	}
	v->ngone = to;
}

int
view_counted(const struct view *v, const struct seen *but, uint32_t uid)
{
	const struct seen	*s;

	LIST_FOREACH(s, &v->seens, entry)
		if (s != but && s->maxuid >= uid && !s->lost)
			return (1);
	return (0);
}
