/*
 * How a connection of a relay worker comes about, and how it ends.  The
 * addresses of its destination are tried in turn until a server takes the
 * session.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "proc.h"
#include "queued/relay_conn.h"

static int	 bind_source(const struct conf_transport *, int, int);
static void	 on_connect(evutil_socket_t, short, void *);
static void	 on_life(evutil_socket_t, short, void *);
static void	 established(struct conn *);
static int	 is_ourselves(const struct conn *);
static void	 give_up(struct conn *);

const char *
conn_host(const struct conn *c)
{
	if (c->at >= c->place.ncandidates)
		return (c->dest->name);
	return (c->place.hosts[c->place.candidates[c->at].host].host);
}

struct conn *
conn_next(struct conn *c)
{
	return (TAILQ_NEXT(c, entry));
}

int
conn_idle(const struct conn *c)
{
	return (c->d == NULL && c->io != NULL);
}

int
conn_start(struct dest *e, struct delivery *d)
{
	static const struct timeval	 life = { RELAY_SESSION, 0 };
	static uint64_t			 number;
	struct conn			*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->dest = e;
	c->place = e->place;
	(void)tlsa_ref(c->place.tlsa);
	c->fd = -1;
	c->number = ++number;
	c->born = proc_now_ms();
	c->ev = event_new(proc_base(), -1, 0, on_connect, c);
	c->life = event_new(proc_base(), -1, 0, on_life, c);
	if (c->ev == NULL || c->life == NULL) {
		if (c->ev != NULL)
			event_free(c->ev);
		tlsa_unref(c->place.tlsa);
		free(c);
		return (-1);
	}
	event_add(c->life, &life);
	c->d = d;
	TAILQ_INSERT_TAIL(&e->conns, c, entry);
	conn_try(c);
	return (0);
}

void
conn_free(struct conn *c)
{
	struct dest	*e = c->dest;

	TAILQ_REMOVE(&e->conns, c, entry);
	conn_down(c);
	event_free(c->ev);
	event_free(c->life);
	tlsa_unref(c->place.tlsa);
	free(c);
	dest_left(e);
}

/* The candidate at hand, or the next that gets as far as waiting. */
void
conn_try(struct conn *c)
{
	while (c->at < c->place.ncandidates) {
		if (conn_dial(c) == 0)
			return;
		c->failures++;
		c->at++;
		c->clear = 0;
	}
	give_up(c);
}

void
conn_next_candidate(struct conn *c)
{
	conn_down(c);
	c->failures++;
	c->at++;
	c->clear = 0;
	conn_try(c);
}

void
conn_weak(struct conn *c)
{
	relay_result(&c->why, RESULT_NO, 554, "5.7.30", "%s does not offer "
	    "REQUIRETLS, which the sender asked for", c->where);
	c->weak++;
	conn_next_candidate(c);
}

/* Nobody took it: what the last one said is why. */
static void
give_up(struct conn *c)
{
	struct relay_facts	 f = { 0 };
	struct dest		*e = c->dest;

	/* Another one may do, another time. */
	if (c->weak > 0 && (c->failures > c->weak || c->place.skipped))
		relay_result(&c->why, RESULT_TEMP, 0, "4.7.30", "the servers "
		    "of %s that were reached do not offer REQUIRETLS, which "
		    "the sender asked for", e->name);
	c->at = c->last;
	f.host = conn_host(c);
	f.address = c->address;
	f.tls = "";
	log_info("%s: %s", log_escs(e->name), c->why.text);
	delivery_end(c->d, &c->why, &f);
	c->d = NULL;
	dest_unreachable(e, &c->why, &f);
	conn_free(c);
}

void
conn_dial_failed(struct conn *c, const char *why)
{
	const struct conf_transport	*t = c->dest->t;
	char				 port[16] = "";

	/* What a server said, or what is wrong with it, says more. */
	if (c->why.text[0] != '\0' && strcmp(c->why.enhanced, "4.4.1") != 0)
		return;
	if (*t->socket == '\0')
		snprintf(port, sizeof(port), " port %u", t->port);
	relay_result(&c->why, RESULT_TEMP, 0, "4.4.1",
	    "connect to %s%s%s%s: %s", c->where, port,
	    *t->proxy == '\0' ? "" : " through proxy ", t->proxy, why);
}

static int
bind_source(const struct conf_transport *t, int fd, int family)
{
	const char		*from = family == AF_INET ? t->source4 :
				    family == AF_INET6 ? t->source6 : "";
	struct sockaddr_storage	 ss;
	struct dns_addr		 a;
	socklen_t		 n;

	if (*from == '\0')
		return (0);
	if (dns_addr_parse(span_str(from), &a) == -1) {
		errno = EADDRNOTAVAIL;
		return (-1);
	}
	n = dns_addr_to(&a, 0, &ss);
	return (bind(fd, (struct sockaddr *)&ss, n));
}

/* Where the candidate at hand is. */
static socklen_t
target(struct conn *c, struct sockaddr_storage *ss)
{
	const struct dns_addr		*a = &c->place.candidates[c->at].addr;
	const struct conf_transport	*t = c->dest->t;
	struct sockaddr_un		 un = { .sun_family = AF_UNIX };
	struct dns_addr			 proxy;

	c->address[0] = '\0';
	if (a->family == AF_UNIX || a->family == 0)
		snprintf(c->where, sizeof(c->where), "%s", conn_host(c));
	else
		snprintf(c->where, sizeof(c->where), "%s[%s]",
		    *conn_host(c) == '[' ? "" : conn_host(c),
		    dns_addr_text(a, c->address));
	if (a->family == AF_UNIX) {
		/* Its directory is ours. */
		snprintf(un.sun_path, sizeof(un.sun_path), ".%s",
		    strrchr(t->socket, '/'));
		memcpy(ss, &un, sizeof(un));
		return (sizeof(un));
	}
	if (t->kind == TRANSPORT_SOCKS &&
	    dns_addr_parse(span_str(t->proxy), &proxy) == 0)
		return (dns_addr_to(&proxy, t->proxy_port, ss));
	return (dns_addr_to(a, t->port, ss));
}

int
conn_dial(struct conn *c)
{
	static const struct timeval	 patience = { RELAY_CONNECT, 0 };
	struct sockaddr_storage		 ss;
	socklen_t			 n = target(c, &ss);

	c->last = c->at;
	(void)relay_tls_policy(c->dest->t, tlsa_state(c->place.tlsa,
	    c->place.candidates[c->at].host),
	    c->place.sts[c->place.candidates[c->at].host], c->dest->requiretls,
	    &c->policy);
	c->tls[0] = '\0';
	c->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (c->fd == -1 || bind_source(c->dest->t, c->fd, ss.ss_family) == -1 ||
	    (connect(c->fd, (struct sockaddr *)&ss, n) == -1 &&
	    errno != EINPROGRESS)) {
		conn_dial_failed(c, strerror(errno));
		if (c->fd != -1)
			close(c->fd);
		c->fd = -1;
		return (-1);
	}
	event_assign(c->ev, proc_base(), c->fd, EV_WRITE, on_connect, c);
	event_add(c->ev, &patience);
	return (0);
}

static void
on_connect(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;
	int		 error = 0;
	socklen_t	 n = sizeof(error);

	if (c->io != NULL) {		/* a long step goes on */
		conn_drive(c);
		return;
	}
	if ((what & EV_WRITE) == 0)
		error = ETIMEDOUT;
	else if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		error = errno;
	if (error != 0 && c->dest->t->kind == TRANSPORT_SOCKS) {
		proxy_failed(c, strerror(error));
	} else if (error != 0) {
		conn_dial_failed(c, strerror(error));
		conn_next_candidate(c);
	} else
		established(c);
}

/* An address of this machine has the same one at both ends. */
static int
is_ourselves(const struct conn *c)
{
	struct sockaddr_storage	 ss;
	struct dns_addr		 us;
	socklen_t		 n = sizeof(ss);

	return (c->dest->t->kind == TRANSPORT_DIRECT &&
	    !c->dest->conf->allow_private &&
	    getsockname(c->fd, (struct sockaddr *)&ss, &n) == 0 &&
	    dns_addr_from((struct sockaddr *)&ss, &us, NULL) == 0 &&
	    dns_addr_eq(&us, &c->place.candidates[c->at].addr));
}

static void
established(struct conn *c)
{
	int	 fd = c->fd;

	if (is_ourselves(c)) {
		/* Behind better ones that failed we are just the backup. */
		if (c->at == 0)
			relay_result(&c->why, RESULT_NO, 0, "5.4.6",
			    "%s is this machine: mail for %s would loop",
			    c->where, c->dest->name);
		c->at = c->place.ncandidates;
		conn_next_candidate(c);
		return;
	}
	event_del(c->ev);
	event_assign(c->ev, proc_base(), -1, 0, on_connect, c);
	c->fd = -1;
	conn_session(c, fd);
}

void
conn_down(struct conn *c)
{
	event_del(c->ev);
	login_left(c);
	proxy_end(c);
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
	io_free(c->io);
	c->io = NULL;
	smtpclient_free(c->c);
	c->c = NULL;
	c->handshake = 0;
}

static void
on_life(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	(void)what;
	if (conn_idle(c))
		conn_quit(c);
	else if (c->io != NULL)
		conn_lost(c, "the session takes too long");
	else {
		conn_dial_failed(c, "the session takes too long");
		c->at = c->place.ncandidates;
		conn_next_candidate(c);
	}
}
