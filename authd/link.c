/*
 * The links between the other processes.  The parent makes a pair, gives one
 * end to each and keeps none.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "msg.h"
#include "parent.h"

#define SETTLED	60	/* seconds after which a loss is the first */

struct link {
	LIST_ENTRY(link)	 entry;
	struct child		*a, *b;
	uint64_t		 generation;
	unsigned		 losses;
	time_t			 made;
	struct event		*again;		/* pending: to be made anew */
};

static LIST_HEAD(, link)	 links = LIST_HEAD_INITIALIZER(links);
static uint64_t			 generation;

/* Who is linked with whom. */
static const unsigned peers[ROLE_COUNT] = {
	[ROLE_CONTROL] = PEER(ROLE_AUTH) | PEER(ROLE_LOOKUP) |
	    PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) | PEER(ROLE_STORE) |
	    PEER(ROLE_QUEUED),
	[ROLE_AUTH] = PEER(ROLE_KEYS) | PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) |
	    PEER(ROLE_STORE) | PEER(ROLE_QUEUED) | PEER(ROLE_RELAY),
	[ROLE_KEYS] = PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) | PEER(ROLE_RELAY),
	[ROLE_LOOKUP] = PEER(ROLE_SMTPD) | PEER(ROLE_QUEUED) |
	    PEER(ROLE_RELAY),
	[ROLE_SMTPD] = PEER(ROLE_STORE) | PEER(ROLE_QUEUED),
	[ROLE_QUEUED] = PEER(ROLE_STORE) | PEER(ROLE_RELAY),
};

static int	 linked(const struct child *, const struct child *);
static struct link	*find(struct child *, struct child *);
static void	 make(struct link *);
static void	 give(struct child *, const struct child *, uint64_t, int);
static void	 on_again(evutil_socket_t, short, void *);

static int
linked(const struct child *a, const struct child *b)
{
	return ((peers[a->role] & PEER(b->role)) != 0 ||
	    (peers[b->role] & PEER(a->role)) != 0);
}

static struct link *
find(struct child *a, struct child *b)
{
	struct link	*l;

	LIST_FOREACH(l, &links, entry)
		if ((l->a == a && l->b == b) || (l->a == b && l->b == a))
			return (l);
	return (NULL);
}

static void
give(struct child *to, const struct child *of, uint64_t gen, int fd)
{
	struct msg_link	 m = { .role = (uint8_t)of->role,
			    .instance = of->inst, .generation = gen,
			    .name = span_str(of->name),
			    .pid = (uint32_t)of->pid };

	(void)peer_put(to->peer, M_LINK, &c_link, &m, fd);
}

static void
make(struct link *l)
{
	static const struct timeval	 later = { 1, 0 };
	int				 fds[2];

	if (l->a->peer == NULL || l->b->peer == NULL)
		return;		/* comes with the one that is missing */
	if (imsg_pair(fds) == -1) {
		log_error("no link between processes: %s", strerror(errno));
		if (l->again != NULL)
			event_add(l->again, &later);
		return;
	}
	l->generation = ++generation;
	l->made = now();
	give(l->a, l->b, l->generation, fds[0]);
	give(l->b, l->a, l->generation, fds[1]);
}

void
links_make(struct child *c)
{
	struct child	*o;
	struct link	*l;

	TAILQ_FOREACH(o, &parent.children, entry) {
		if (o == c || !linked(c, o) || o->peer == NULL)
			continue;
		if ((l = find(c, o)) == NULL) {
			if ((l = calloc(1, sizeof(*l))) == NULL)
				continue;
			l->a = c;
			l->b = o;
			l->again = event_new(parent.base, -1, 0, on_again, l);
			LIST_INSERT_HEAD(&links, l, entry);
		}
		if (l->again != NULL)
			event_del(l->again);
		make(l);
	}
}

void
links_drop(struct child *c)
{
	struct link	*l, *next;

	for (l = LIST_FIRST(&links); l != NULL; l = next) {
		next = LIST_NEXT(l, entry);
		if (l->a == c || l->b == c) {
			LIST_REMOVE(l, entry);
			if (l->again != NULL)
				event_free(l->again);
			free(l);
		}
	}
}

uint64_t
link_generation(struct child *a, struct child *b)
{
	struct link	*l = find(a, b);

	return (l == NULL ? 0 : l->generation);
}

/* One end says that it lost a link: a new one, unless there is one. */
void
link_lost(struct child *c, enum role role, unsigned inst, uint64_t gen)
{
	static const int	 delays[] = { 0, 1, 2, 4 };
	/* Time for us to hear that the other process ended. */
	struct timeval		 delay = { 0, 50000 };
	struct child		*o = child_find(role, inst);
	struct link		*l = o == NULL ? NULL : find(c, o);

	if (parent.stopping || l == NULL || l->again == NULL ||
	    l->generation != gen || event_pending(l->again, EV_TIMEOUT, NULL))
		return;
	if (now() - l->made > SETTLED)
		l->losses = 0;
	delay.tv_sec = delays[l->losses < nitems(delays) ? l->losses :
	    nitems(delays) - 1];
	l->losses++;
	event_add(l->again, &delay);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	make(arg);
}
