/*
 * Accounts that move: what both sides have.  See move.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "imapd/move.h"
#include "log.h"
#include "proc.h"

static LIST_HEAD(, move)	 all = LIST_HEAD_INITIALIZER(all);

static void	 answer(struct peer *, enum msg_type, uint32_t, const char *);
static void	 finish(struct move *, const char *, const char *);
static size_t	 place(const struct move_map *, uint64_t);

struct dbenv_db *
move_database(const struct part *p, unsigned db)
{
	struct dbenv_db	*const dbs[MOVE_DBS] = {
		[MOVE_ACCOUNT] = p->account, [MOVE_MAILBOX] = p->mailbox,
		[MOVE_STATE] = p->state, [MOVE_SUB] = p->sub,
		[MOVE_ANNOTATION] = p->annotation, [MOVE_KEY] = p->key,
		[MOVE_VANISHED] = p->vanished,
	};

	return (db < MOVE_DBS ? dbs[db] : NULL);
}

/* ---- the map -------------------------------------------------------------------- */

static size_t
place(const struct move_map *m, uint64_t id)
{
	size_t	 i = (size_t)(id * 0x9e3779b97f4a7c15u >> 20) & (m->cap - 1);

	while (m->v[2 * i] != 0 && m->v[2 * i] != id)
		i = (i + 1) & (m->cap - 1);
	return (i);
}

uint64_t
move_map_get(const struct move_map *m, uint64_t id)
{
	size_t	 i;

	if (m->cap == 0)
		return (0);
	i = place(m, id);
	return (m->v[2 * i] == id ? m->v[2 * i + 1] : 0);
}

int
move_map_set(struct move_map *m, uint64_t id, uint64_t value)
{
	struct move_map	 nm = { .n = m->n };
	size_t		 i, k;

	if (2 * (m->n + 1) > m->cap) {
		nm.cap = m->cap == 0 ? 1024 : 2 * m->cap;
		if ((nm.v = calloc(2 * nm.cap, sizeof(*nm.v))) == NULL)
			return (-1);
		for (i = 0; i < m->cap; i++)
			if (m->v[2 * i] != 0) {
				k = place(&nm, m->v[2 * i]);
				nm.v[2 * k] = m->v[2 * i];
				nm.v[2 * k + 1] = m->v[2 * i + 1];
			}
		free(m->v);
		*m = nm;
	}
	i = place(m, id);
	m->n += m->v[2 * i] == 0;
	m->v[2 * i] = id;
	m->v[2 * i + 1] = value;
	return (0);
}

/* ---- one of them ----------------------------------------------------------- */

static void
answer(struct peer *p, enum msg_type type, uint32_t id, const char *why)
{
	struct msg_result	 r = { .result = why == NULL ? RESULT_OK :
				    RESULT_TEMP };

	r.text = span_str(why == NULL ? "" : why);
	if (p != NULL)
		(void)peer_reply(p, type, id, &c_result, &r, -1);
}

struct move *
move_begin(struct store *st, struct peer *peer, enum msg_type type,
    uint32_t id, const struct msg_account *m, int fd, size_t size,
    void (*on_io)(struct io *, enum io_event, void *),
    void (*drop)(struct move *, int))
{
	struct move	*x;

	if ((x = calloc(1, size)) == NULL ||
	    (x->part = store_part(st, m->partition)) == NULL ||
	    (x->io = io_new(st->base, fd, on_io, x)) == NULL) {
		answer(peer, type, id, x != NULL && x->part == NULL ?
		    "not here" : "no memory");
		if (x == NULL || x->part == NULL)
			close(fd);	/* else io_new() did */
		free(x);
		return (NULL);
	}
	x->store = st;
	x->peer = peer;
	x->type = type;
	x->id = id;
	x->account = m->account;
	x->drop = drop;
	x->wait.arg = x;
	LIST_INSERT_HEAD(&all, x, entry);
	return (x);
}

/* It has no reason of its own: the one that the other side tells auth counts,
 * whichever comes first. */
void
move_gave_up(struct move *x)
{
	finish(x, "the other partition gave up", "");
}

void
move_finish(struct move *x, const char *why)
{
	finish(x, why, why);
}

/* With what is logged and what auth is told, or NULL. */
static void
finish(struct move *x, const char *why, const char *told)
{
	if (why != NULL)
		log_warn("partition %02u: account #%llu does not %s: %s",
		    x->part->num, (unsigned long long)x->account,
		    x->type == M_MOVE_IN ? "come" : "leave", log_escs(why));
	else
		log_info("partition %02u: account #%llu %s, %llu messages",
		    x->part->num, (unsigned long long)x->account,
		    x->type == M_MOVE_IN ? "is here" : "was sent",
		    (unsigned long long)x->messages);
	answer(x->peer, x->type, x->id, told);
	x->drop(x, why != NULL);
	store_unwork(x->store, &x->work);
	dbenv_unwait(x->part->env, &x->wait);
	io_free(x->io);
	free(x->mailboxes);
	free(x->is_mailbox.v);
	free(x->bodies.v);
	LIST_REMOVE(x, entry);
	free(x);
}

int
move_note_mailbox(struct move *x, uint64_t id)
{
	uint64_t	*nv;
	size_t		 cap = x->capmailboxes;

	if (x->nmailboxes == cap) {
		cap = cap == 0 ? 64 : 2 * cap;
		if ((nv = reallocarray(x->mailboxes, cap,
		    sizeof(*nv))) == NULL)
			return (-1);
		x->mailboxes = nv;
		x->capmailboxes = cap;
	}
	x->mailboxes[x->nmailboxes++] = id;
	return (move_map_set(&x->is_mailbox, id, 1));
}

void
move_stop(struct part *p, uint64_t account)
{
	struct move	*x, *next;

	for (x = LIST_FIRST(&all); x != NULL; x = next) {
		next = LIST_NEXT(x, entry);
		if (x->part == p && x->account == account &&
		    x->type == M_MOVE_IN)
			move_finish(x, "it is to be removed");
	}
}

void
move_link_down(struct peer *p)
{
	struct move	*x, *next;

	for (x = LIST_FIRST(&all); x != NULL; x = next) {
		next = LIST_NEXT(x, entry);
		if (p != NULL && x->peer != p)
			continue;
		x->peer = NULL;
		move_finish(x, "auth is away");
	}
}

void
move_undone(struct part *p)
{
	struct move	*x, *next;

	for (x = LIST_FIRST(&all); x != NULL; x = next) {
		next = LIST_NEXT(x, entry);
		if (x->part == p)
			move_finish(x, "its writes were undone");
	}
}
