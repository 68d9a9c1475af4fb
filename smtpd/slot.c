/*
 * Slots: empty files with delivery ids, from queued, in stock (msg.h, M_SLOT).
 * So a message from outside waits for queued only when the stock is empty.
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
static void		 serve(evutil_socket_t, short, void *);
static void		 settle(evutil_socket_t, short, void *);
static void		 want(uint64_t);

#define SLOTS_MAX	4096	/* numbers that queued may give */

static struct slot	*numbered[SLOTS_MAX];	/* but for stale ones */
static struct slots	 all = TAILQ_HEAD_INITIALIZER(all);
static struct slots	 free_ones = TAILQ_HEAD_INITIALIZER(free_ones);
static struct slots	 leaving = TAILQ_HEAD_INITIALIZER(leaving);
static size_t		 nsettled;	/* of all; they come back */
static size_t		 nwaiting;
static size_t		 nasked;	/* new ones, not here yet */
static struct waiters	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static struct event	*serving, *settling;

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

static void
stock(struct slot *sl)
{
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
	if (++nwaiting > nsettled + nasked) {
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
	if (sl->stale || ftruncate(sl->wfd, 0) == -1)
		drop(sl);
	else
		stock(sl);
}

/* In a turn of its own: emptying a file may take a while, and a client waits
 * for its answer. */
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
	event_active(settling, EV_TIMEOUT, 0);
}

static void
settle(evutil_socket_t fd, short what, void *arg)
{
	struct msg_slot	 m = { 0 };
	struct slot	*sl;

	(void)fd;
	(void)what;
	(void)arg;
	while ((sl = TAILQ_FIRST(&leaving)) != NULL) {
		/* Octets left behind would be another message's. */
		if (sl->stale || ftruncate(sl->wfd, 0) == -1) {
			drop(sl);
			continue;
		}
		TAILQ_REMOVE(&leaving, sl, stock);
		sl->leaving = 0;
		sl->settled = 1;
		nsettled++;
		m.slot = sl->number;
		m.partition = sl->partition;
		memcpy(m.id, sl->id, sizeof(m.id));
		(void)peer_put(proc_peer(ROLE_QUEUED, 0), M_SLOT_SETTLED,
		    &c_slot, &m, -1);
	}
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
	struct msg_slot	 r;
	struct slot	*sl;

	(void)p;
	if (imsg_get(m, &c_slot, &r) == -1)
		return (-1);
	if ((sl = find(r.slot)) == NULL || !sl->settled)
		return (-1);
	sl->settled = 0;
	nsettled--;
	memcpy(sl->id, r.id, sizeof(sl->id));
	stock(sl);
	return (0);
}
