/*
 * Workers: a process for each transport in use, started and ended at queued's
 * word.  Which transport a worker is for is said here alone.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "parent.h"

static struct child	*find(const char *);
static int	 has_worker(const char *);
static const char	*socket_of(const struct conf *, const char *);

static struct child *
find(const char *name)
{
	struct child	*c;

	TAILQ_FOREACH(c, &parent.children, entry)
		if (c->role == ROLE_RELAY && strcasecmp(c->name, name) == 0)
			return (c);
	return (NULL);
}

/* "deliver" and "fail" are decided in queued. */
static int
has_worker(const char *name)
{
	const struct conf_transport	*t = conf_transport(parent.conf, name);

	if (t == NULL)
		return (strcmp(name, "default") == 0);
	return (TRANSPORT_BY_MX(t) || TRANSPORT_SMARTHOST(t));
}

void
worker_start(struct span transport)
{
	struct child	*c;
	unsigned	 inst = 0;
	char		*name;

	if (parent.stopping || (name = span_dup(transport)) == NULL)
		return;
	if (!has_worker(name)) {
		log_warn("queued asks for a worker of no transport: %s",
		    log_escs(name));
	} else if ((c = find(name)) != NULL) {
		if (c->leaving) {	/* it is on its way out: another */
			c->leaving = 0;
			c->deaths = 0;
		}
	} else {
		while (child_find(ROLE_RELAY, inst) != NULL)
			inst++;
		if (inst >= RELAYS_MAX)
			log_error("too many transports in use at once");
		else if ((c = child_new(ROLE_RELAY, inst, name)) != NULL)
			child_start(c);
	}
	free(name);
}

static void
leave(struct child *c)
{
	c->leaving = 1;
	if (c->pid == 0)
		child_free(c);
	else
		child_stop(c);
}

void
worker_end(struct span transport)
{
	struct child	*c;
	char		*name;

	if ((name = span_dup(transport)) == NULL)
		return;
	if ((c = find(name)) != NULL)
		leave(c);
	free(name);
}

static const char *
socket_of(const struct conf *c, const char *name)
{
	const struct conf_transport	*t = conf_transport(c, name);

	return (t == NULL ? "" : t->socket);
}

/*
 * Transports that are no more; and those that go to another socket: its
 * directory is the root of a worker from birth to death.
 */
void
workers_adjust(const struct conf *old)
{
	struct child	*c, *next;

	for (c = TAILQ_FIRST(&parent.children); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		if (c->role != ROLE_RELAY || c->leaving)
			continue;
		if (!has_worker(c->name) || strcmp(socket_of(old, c->name),
		    socket_of(parent.conf, c->name)) != 0)
			leave(c);
	}
}
