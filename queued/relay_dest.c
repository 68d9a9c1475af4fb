/*
 * Destinations of a relay worker.  A destination is what may share a
 * connection: the same domain (or the transport's one server), the same
 * generation of the configuration, with its source addresses, and the same
 * demands on TLS.  It is there while somebody waits for it or a connection to
 * it is open; it goes, and others get the room it leaves, in a turn of its own,
 * so that nothing vanishes under those who hold it.
 */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"
#include "queued/relay.h"

static TAILQ_HEAD(dests, dest)	 dests = TAILQ_HEAD_INITIALIZER(dests);
static unsigned			 total;		/* connections */
static struct event		*later;

static struct dest	*dest_get(struct delivery *);
static int		 make_room(const struct dest *);
static void		 on_later(evutil_socket_t, short, void *);
static void		 fail_waiting(struct dest *,
			    const struct relay_result *,
			    const struct relay_facts *);

static struct dest *
dest_get(struct delivery *d)
{
	const struct conf_transport	*t = relay_transport();
	const char			*name = d->destination;
	struct dest			*e;
	int				 tls = d->m.requiretls;

	if (TRANSPORT_SMARTHOST(t))
		name = *t->socket != '\0' ? t->socket : t->host;
	TAILQ_FOREACH(e, &dests, entry)
		if (e->conf == proc_conf() && e->requiretls == tls &&
		    strcmp(e->name, name) == 0)
			return (e);
	if ((e = calloc(1, sizeof(*e))) == NULL ||
	    (e->name = strdup(name)) == NULL) {
		free(e);
		return (NULL);
	}
	e->conf = proc_conf();
	e->t = t;
	e->requiretls = tls;
	TAILQ_INIT(&e->waiting);
	TAILQ_INIT(&e->conns);
	TAILQ_INSERT_TAIL(&dests, e, entry);
	return (e);
}

int
dests_start(void)
{
	later = event_new(proc_base(), -1, 0, on_later, NULL);
	return (later == NULL ? -1 : 0);
}

/* Who waits may find room; what nobody needs goes. */
static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct dest	*e, *next;

	(void)fd;
	(void)what;
	(void)arg;
	for (e = TAILQ_FIRST(&dests); e != NULL; e = next) {
		next = TAILQ_NEXT(e, entry);
		if (!TAILQ_EMPTY(&e->waiting))
			dest_run(e);
		if (!TAILQ_EMPTY(&e->waiting) || e->nconns > 0)
			continue;
		find_cancel(e->find);
		tlsa_unref(e->place.tlsa);
		TAILQ_REMOVE(&dests, e, entry);
		free(e->name);
		free(e);
	}
}

void
dest_add(struct delivery *d)
{
	struct relay_result	 why;
	struct dest		*e;

	if ((e = dest_get(d)) == NULL) {
		relay_result(&why, RESULT_TEMP, 0, "4.3.0", "no memory");
		delivery_end(d, &why, NULL);
		return;
	}
	d->dest = e;
	TAILQ_INSERT_TAIL(&e->waiting, d, entry);
	dest_run(e);
}

struct delivery *
dest_next(struct dest *e)
{
	struct delivery	*d = TAILQ_FIRST(&e->waiting);

	if (d != NULL)
		TAILQ_REMOVE(&e->waiting, d, entry);
	return (d);
}

/* Is there room for another connection?  An idle one elsewhere makes room. */
static int
make_room(const struct dest *e)
{
	unsigned	 most = e->t->connections_total;
	struct dest	*other;
	struct conn	*c;

	if (e->t->connections != 0 && e->nconns >= e->t->connections)
		return (0);
	if (most == 0 || total < most)
		return (1);
	TAILQ_FOREACH(other, &dests, entry)
		for (c = TAILQ_FIRST(&other->conns); other != e && c != NULL;
		    c = conn_next(c))
			if (conn_idle(c)) {
				conn_quit(c);
				return (0);	/* dest_left() goes on */
			}
	return (0);
}

/* Idle connections take what waits; then new ones are made. */
void
dest_run(struct dest *e)
{
	struct relay_result	 why;
	struct delivery		*d;
	struct conn		*c, *next;

	for (c = TAILQ_FIRST(&e->conns); c != NULL &&
	    !TAILQ_EMPTY(&e->waiting); c = next) {
		next = conn_next(c);
		if (conn_idle(c))
			conn_give(c, dest_next(e));
	}
	if (TAILQ_EMPTY(&e->waiting) || e->find != NULL)
		return;
	if (e->place.ncandidates == 0 ||
	    proc_now_ms() - e->place.found > RELAY_FRESH * 1000u) {
		e->place.ncandidates = 0;
		find_start(e);
		return;
	}
	while (!TAILQ_EMPTY(&e->waiting) && make_room(e)) {
		d = dest_next(e);
		e->nconns++;
		total++;
		if (conn_start(e, d) == 0)
			continue;
		relay_result(&why, RESULT_TEMP, 0, "4.3.0", "no memory");
		delivery_end(d, &why, NULL);
		dest_left(e);
	}
}

static void
fail_waiting(struct dest *e, const struct relay_result *why,
    const struct relay_facts *f)
{
	struct delivery	*d;

	while ((d = dest_next(e)) != NULL)
		delivery_end(d, why, f);
	event_active(later, EV_TIMEOUT, 0);
}

void
dest_found(struct dest *e, const struct relay_result *why)
{
	e->find = NULL;
	if (why != NULL)
		fail_waiting(e, why, NULL);
	else
		dest_run(e);
}

void
dest_unreachable(struct dest *e, const struct relay_result *why,
    const struct relay_facts *f)
{
	if (e->nconns <= 1)	/* the one that says so */
		fail_waiting(e, why, f);
}

void
dest_idle(struct dest *e)
{
	if (e->t->connections_total != 0 && total >= e->t->connections_total)
		event_active(later, EV_TIMEOUT, 0);
}

void
dest_left(struct dest *e)
{
	e->nconns--;
	total--;
	if (relay.stopping && total == 0 && TAILQ_EMPTY(&relay.deliveries))
		proc_exit(0);
	event_active(later, EV_TIMEOUT, 0);
}

/* Who waits is sent back, who works may finish. */
void
dests_stop(void)
{
	struct relay_result	 why;
	struct dest		*e;
	struct delivery		*d;

	relay_result(&why, RESULT_TEMP, 0, "4.3.2", "stopping");
	TAILQ_FOREACH(e, &dests, entry)
		while ((d = dest_next(e)) != NULL)
			delivery_end(d, &why, NULL);
	dests_commit();
}

void
dests_commit(void)
{
	struct dest	*e;
	struct conn	*c, *cnext;

	TAILQ_FOREACH(e, &dests, entry) {
		for (c = TAILQ_FIRST(&e->conns); c != NULL; c = cnext) {
			cnext = conn_next(c);
			if (conn_idle(c))
				conn_quit(c);
		}
	}
}

unsigned
dests_connections(void)
{
	return (total);
}
