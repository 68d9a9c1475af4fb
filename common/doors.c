/*
 * Listening sockets.  See doors.h.
 */
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doors.h"
#include "log.h"
#include "proc.h"
#include "tlsctx.h"

#define ACCEPTS		16	/* connections taken a turn and listener */
#define ACCEPT_PAUSE	200000	/* microseconds without a free descriptor */

struct door {
	struct event			*ev, *again;
	struct tlsctx			*ctx;
	const struct conf_listener	*listener;
	size_t				 index;
};

struct doors {
	struct door	*v;
	size_t		 n;
};

static void	 on_accept(evutil_socket_t, short, void *);
static void	 on_again(evutil_socket_t, short, void *);
static void	 close_doors(struct doors *);

static struct doors	 now, next;
static door_fn		 admit;

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct door	*d = arg;

	(void)fd;
	(void)what;
	event_add(d->ev, NULL);
}

static void
on_accept(evutil_socket_t lfd, short what, void *arg)
{
	static const struct timeval	 pause = { 0, ACCEPT_PAUSE };
	struct sockaddr_storage		 from;
	struct door			*d = arg;
	socklen_t			 n;
	int				 fd, i;

	(void)what;
	for (i = 0; i < ACCEPTS; i++) {
		n = sizeof(from);
		memset(&from, 0, sizeof(from));
		fd = accept4(lfd, (struct sockaddr *)&from, &n,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd != -1) {
			admit(fd, &from, d->listener, d->ctx);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			log_warn("accept: %s", strerror(errno));
			event_del(d->ev);
			event_add(d->again, &pause);
		}
		return;
	}
}

static void
close_doors(struct doors *ds)
{
	struct door	*d;

	for (d = ds->v; d != NULL && d < ds->v + ds->n; d++) {
		if (d->ev != NULL)
			event_free(d->ev);
		if (d->again != NULL)
			event_free(d->again);
		tlsctx_unref(d->ctx);
	}
	free(ds->v);
	ds->v = NULL;
	ds->n = 0;
}

int
doors_prepare(const struct conf *conf, unsigned kinds, struct buf *why)
{
	struct door	*d;
	size_t		 i = 0;

	close_doors(&next);
	next.v = calloc(conf->listeners.n + 1, sizeof(*next.v));
	if (next.v == NULL) {
		buf_adds(why, "no memory");
		return (-1);
	}
	CONF_EACH(struct conf_listener, l, &conf->listeners) {
		if ((kinds & (1u << l->kind)) != 0) {
			d = &next.v[next.n++];
			d->index = i;
			d->listener = l;
			if (l->tls != TLS_OFF &&
			    (d->ctx = tlsctx_server(conf, l, why)) == NULL) {
				close_doors(&next);
				return (-1);
			}
		}
		i++;
	}
	return (0);
}

void
doors_cancel(void)
{
	close_doors(&next);
}

void
doors_open(door_fn fn)
{
	struct door	*d;

	admit = fn;
	close_doors(&now);
	now = next;
	memset(&next, 0, sizeof(next));
	for (d = now.v; d < now.v + now.n; d++) {
		if (proc_listener(d->index) == -1)
			continue;
		d->ev = event_new(proc_base(), proc_listener(d->index),
		    EV_READ | EV_PERSIST, on_accept, d);
		d->again = event_new(proc_base(), -1, 0, on_again, d);
		if (d->ev == NULL || d->again == NULL ||
		    event_add(d->ev, NULL) == -1)
			log_error("a listener cannot be served");
	}
}

void
doors_close(void)
{
	close_doors(&now);
}
