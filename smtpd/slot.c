/*
 * Slots: files with delivery ids, from queued, in stock (msg.h, M_SLOT).  So a
 * message from outside waits for queued only when the stock is empty.
 *
 * A small message is overwritten by the next one: emptying a file costs more
 * than filling it.  What nothing overwrites for a second is emptied.  Slots are
 * settled some at a time.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtpd.h"

TAILQ_HEAD(slots, slot);
TAILQ_HEAD(waiters, conn);

static struct slot	*find(uint32_t);
static struct slot	*take(void);
static void		 drop(struct slot *);
static void		 stock(struct slot *);
static int		 empty(struct slot *);
static void		 sweep(evutil_socket_t, short, void *);
static void		 settle_soon(void);
static void		 send_settled(const struct msg_slots *);
static void		 serve(evutil_socket_t, short, void *);
static void		 settle(evutil_socket_t, short, void *);
static void		 want(uint64_t);

#define SLOTS_MAX	4096	/* numbers that queued may give */
#define SLOT_KEEP	65536	/* octets that may stay in a file for a while */
#define SETTLE_MANY	16	/* settled at once, */
#define SETTLE_US	50000	/* or after this time, or when there is need */
#define SWEEP_S		1

static struct slot	*numbered[SLOTS_MAX];	/* but for stale ones */
static struct slots	 all = TAILQ_HEAD_INITIALIZER(all);
static struct slots	 free_ones = TAILQ_HEAD_INITIALIZER(free_ones);
static struct slots	 leaving = TAILQ_HEAD_INITIALIZER(leaving);
static size_t		 nleaving;
static size_t		 nsettled;	/* of all; they come back */
static size_t		 nwaiting;
static size_t		 nasked;	/* new ones, not here yet */
static struct waiters	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct event	*serving, *settling, *sweeping;

static struct slot *
find(uint32_t number)
{
	return (number < SLOTS_MAX ? numbered[number] : NULL);
}

static void
drop(struct slot *sl)
{
	if (sl->free)
		TAILQ_REMOVE(&free_ones, sl, stock);
	if (sl->leaving)
		TAILQ_REMOVE(&leaving, sl, stock);
	nleaving -= sl->leaving;
	TAILQ_REMOVE(&all, sl, entry);
	if (!sl->stale)
		numbered[sl->number] = NULL;
	nsettled -= sl->settled;
	if (sl->wfd != -1)
		close(sl->wfd);
	if (sl->rfd != -1)
		close(sl->rfd);
	free(sl);
}

static void
want(uint64_t n)
{
	struct msg_number	 m = { n };

	(void)peer_put(proc_peer(ROLE_QUEUED, 0), M_SLOT_WANT, &c_number, &m,
	    -1);
}

static int
empty(struct slot *sl)
{
	if (sl->size > 0 && ftruncate(sl->wfd, 0) == -1)
		return (-1);
	sl->size = 0;
	return (0);
}

static void
sweep(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 again = { SWEEP_S, 0 };
	struct slot			*sl, *next;
	int				 more = 0;

	(void)fd;
	(void)what;
	(void)arg;
	for (sl = TAILQ_FIRST(&free_ones); sl != NULL; sl = next) {
		next = TAILQ_NEXT(sl, stock);
		if (sl->idle && empty(sl) == -1)
			drop(sl);
		else {
			sl->idle = 1;
			more |= sl->size > 0;
		}
	}
	if (more)
		event_add(sweeping, &again);
}

static void
stock(struct slot *sl)
{
	static const struct timeval	 later = { SWEEP_S, 0 };

	if (sweeping == NULL)
		sweeping = event_new(proc_base(), -1, 0, sweep, NULL);
	if (sweeping == NULL && empty(sl) == -1) {
		drop(sl);
		return;
	}
	if (sl->size > 0 && !event_pending(sweeping, EV_TIMEOUT, NULL))
		event_add(sweeping, &later);
	sl->idle = 0;
	sl->free = 1;
	/* The one used last: its file is still in the cache. */
	TAILQ_INSERT_HEAD(&free_ones, sl, stock);
	if (!TAILQ_EMPTY(&waiting) && serving != NULL)
		event_active(serving, EV_TIMEOUT, 0);
}

/* Those who wait longest, in a turn of their own: a slot comes back in the
 * middle of another session's work. */
static void
serve(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c;

	(void)fd;
	(void)what;
	(void)arg;
	while ((c = TAILQ_FIRST(&waiting)) != NULL &&
	    (c->slot = take()) != NULL) {
		slot_unwait(c);
		session_on_file(&c->s, 0);
		conn_run(c);
	}
}

struct slot *
slot_take(void)
{
	return (TAILQ_EMPTY(&waiting) ? take() : NULL);
}

static struct slot *
take(void)
{
	struct slot	*sl;

	if ((sl = TAILQ_FIRST(&free_ones)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&free_ones, sl, stock);
	sl->free = 0;
	return (sl);
}

int
slot_wait(struct conn *c)
{
	if (proc_peer(ROLE_QUEUED, 0) == NULL)
		return (-1);
	if (serving == NULL && (serving = event_new(proc_base(), -1, 0, serve,
	    NULL)) == NULL)
		return (-1);
	TAILQ_INSERT_TAIL(&waiting, c, waiter);
	c->waits = 1;
	settle_soon();
	if (++nwaiting > nleaving + nsettled + nasked) {
		want(1);
		nasked++;
	}
	return (0);
}

void
slot_unwait(struct conn *c)
{
	if (!c->waits)
		return;
	TAILQ_REMOVE(&waiting, c, waiter);
	c->waits = 0;
	if (--nwaiting == 0)
		nasked = 0;	/* queued may not have given any */
}

void
slot_return(struct slot *sl)
{
	if (sl->stale || empty(sl) == -1)
		drop(sl);
	else
		stock(sl);
}

/* At once when it is worth it or there is need, else in a while. */
static void
settle_soon(void)
{
	static const struct timeval	 later = { 0, SETTLE_US };

	if (nleaving == 0)
		return;
	if (nleaving >= SETTLE_MANY || TAILQ_EMPTY(&free_ones))
		event_active(settling, EV_TIMEOUT, 0);
	else if (!event_pending(settling, EV_TIMEOUT, NULL))
		event_add(settling, &later);
}

void
slot_settle(struct slot *sl, uint32_t partition)
{
	if (settling == NULL && (settling = event_new(proc_base(), -1, 0,
	    settle, NULL)) == NULL) {
		drop(sl);
		return;
	}
	sl->partition = partition;
	sl->leaving = 1;
	TAILQ_INSERT_TAIL(&leaving, sl, stock);
	nleaving++;
	settle_soon();
}

static void
send_settled(const struct msg_slots *m)
{
	if (m->slots.n > 0)
		(void)peer_put(proc_peer(ROLE_QUEUED, 0), M_SLOT_SETTLED,
		    &c_slots, m, -1);
}

/* In a turn of its own: emptying a file may take a while, and a client waits
 * for its answer. */
static void
settle(evutil_socket_t fd, short what, void *arg)
{
	struct msg_slot		 v[MSG_SLOTS_MAX] = { 0 };
	struct msg_slots	 m = { { v, 0 } };
	struct slot		*sl;

	(void)fd;
	(void)what;
	(void)arg;
	while ((sl = TAILQ_FIRST(&leaving)) != NULL) {
		if (sl->stale || (sl->size > SLOT_KEEP && empty(sl) == -1)) {
			drop(sl);
			continue;
		}
		TAILQ_REMOVE(&leaving, sl, stock);
		sl->leaving = 0;
		nleaving--;
		sl->settled = 1;
		nsettled++;
		v[m.slots.n].slot = sl->number;
		v[m.slots.n].partition = sl->partition;
		memcpy(v[m.slots.n++].id, sl->id, sizeof(sl->id));
		if (m.slots.n == MSG_SLOTS_MAX) {
			send_settled(&m);
			m.slots.n = 0;
		}
	}
	send_settled(&m);
}

void
slot_given(struct slot *sl)
{
	drop(sl);
}

/* Another queued will know nothing of these. */
void
slot_queued_down(void)
{
	struct slot	*sl, *next;
	struct conn	*c;

	for (sl = TAILQ_FIRST(&all); sl != NULL; sl = next) {
		next = TAILQ_NEXT(sl, entry);
		if (sl->free || sl->settled || sl->leaving || sl->rfd == -1)
			drop(sl);
		else {
			sl->stale = 1;
			numbered[sl->number] = NULL;
		}
	}
	while ((c = TAILQ_FIRST(&waiting)) != NULL) {
		slot_unwait(c);
		session_on_file(&c->s, -1);
		conn_run(c);
	}
}

/* ---- messages from queued ------------------------------------------------- */

int
slot_on_slot(struct peer *p, struct imsg *m)
{
	struct msg_slot	 r;
	struct slot	*sl;

	(void)p;
	if (imsg_get(m, &c_slot, &r) == -1 || r.slot >= SLOTS_MAX ||
	    numbered[r.slot] != NULL)
		return (-1);
	if (m->fd == -1)
		return (0);	/* out of descriptors: one less */
	if ((sl = calloc(1, sizeof(*sl))) == NULL)
		return (0);
	sl->number = r.slot;
	memcpy(sl->id, r.id, sizeof(sl->id));
	sl->wfd = m->fd;
	sl->rfd = -1;
	m->fd = -1;
	numbered[sl->number] = sl;
	TAILQ_INSERT_TAIL(&all, sl, entry);
	return (0);
}

int
slot_on_read(struct peer *p, struct imsg *m)
{
	struct msg_slot	 r;
	struct slot	*sl;

	(void)p;
	if (imsg_get(m, &c_slot, &r) == -1)
		return (-1);
	if ((sl = find(r.slot)) == NULL)
		return (0);
	if (sl->rfd != -1)
		return (-1);
	if (m->fd == -1) {
		drop(sl);
		return (0);
	}
	sl->rfd = m->fd;
	m->fd = -1;
	if (nasked > 0)
		nasked--;
	stock(sl);
	return (0);
}

int
slot_on_id(struct peer *p, struct imsg *m)
{
	const struct msg_slot	*v;
	struct msg_slots	 r;
	struct slot		*sl;
	size_t			 i;
	int			 rc = 0;

	(void)p;
	if (imsg_get(m, &c_slots, &r) == -1)
		return (-1);
	v = r.slots.v;
	for (i = 0; i < r.slots.n && rc == 0; i++) {
		if ((sl = find(v[i].slot)) == NULL || !sl->settled) {
			rc = -1;
			break;
		}
		sl->settled = 0;
		nsettled--;
		memcpy(sl->id, v[i].id, sizeof(sl->id));
		stock(sl);
	}
	codec_free(&c_slots, &r);
	return (rc);
}
