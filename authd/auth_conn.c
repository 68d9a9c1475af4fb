/*
 * Connections.  smtpd and front send a duplicate of each socket; what counts
 * is what the kernel says about it.  They name connections by numbers of their
 * own, which mean something within their link alone: nobody can name another's.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "log.h"

#define LINES_A_SECOND	10	/* about refused connections */

union address {
	struct sockaddr		 sa;
	struct sockaddr_in	 in;
	struct sockaddr_in6	 in6;
	struct sockaddr_un	 un;
	struct sockaddr_storage	 ss;
};

static void	 conn_free(struct conn *);
static void	 unmap(union address *);
static int	 same_place(const struct sockaddr_storage *,
		    const union address *, int);
static const struct conf_listener	*listener_of(const union address *,
		    uint32_t *);
static int	 ask_kernel(struct conn *, int, const char **);
static int	 local_user(struct conn *, int);
static int	 too_fast(const struct conn *);
static int	 may_stay(struct conn *, const char **);
static void	 log_refusal(const char *, const char *);

/* ---- links ----------------------------------------------------------------- */

struct link *
link_new(struct peer *p)
{
	struct link	*l;
	size_t		 i;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->peer = p;
	for (i = 0; i < CONN_BUCKETS; i++)
		LIST_INIT(&l->conns[i]);
	return (l);
}

void
link_free(struct link *l)
{
	struct conn	*c;
	size_t		 i;

	if (l == NULL)
		return;
	for (i = 0; i < CONN_BUCKETS; i++)
		while ((c = LIST_FIRST(&l->conns[i])) != NULL)
			conn_free(c);
	free(l);
}

struct conn *
conn_find(struct link *l, uint64_t number)
{
	struct conn	*c;

	LIST_FOREACH(c, &l->conns[number % CONN_BUCKETS], entry)
		if (c->number == number)
			break;
	return (c);
}

static void
conn_free(struct conn *c)
{
	size_t	 i;

	exchange_dropped(c->exchange);
	identity_drop(c);
	ratelimit_open_remove(auth.open[c->listener->kind], &c->key);
	LIST_REMOVE(c, entry);
	c->link->nconns--;
	for (i = 0; i < SCRAM_BINDINGS; i++)
		buf_freezero(&c->bindings[i]);
	free(c->version);
	free(c->agent);
	free(c);
}

/* ---- what the kernel says --------------------------------------------------- */

/* IPv4 in IPv6 is IPv4. */
static void
unmap(union address *a)
{
	struct sockaddr_in	 in = { .sin_family = AF_INET };

	if (a->sa.sa_family != AF_INET6 ||
	    !IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr))
		return;
	in.sin_port = a->in6.sin6_port;
	memcpy(&in.sin_addr, &a->in6.sin6_addr.s6_addr[12], 4);
	a->in = in;
}

/* Is that where a listener listens: exactly, or as one of all addresses? */
static int
same_place(const struct sockaddr_storage *ss, const union address *a, int all)
{
	static const struct in6_addr	 any6 = IN6ADDR_ANY_INIT;
	union address			 l;

	l.ss = *ss;
	if (l.sa.sa_family != a->sa.sa_family)
		return (0);
	if (l.sa.sa_family == AF_INET)
		return (l.in.sin_port == a->in.sin_port &&
		    l.in.sin_addr.s_addr == (all ? INADDR_ANY :
		    a->in.sin_addr.s_addr));
	return (l.in6.sin6_port == a->in6.sin6_port &&
	    memcmp(&l.in6.sin6_addr, all ? &any6 : &a->in6.sin6_addr,
	    sizeof(any6)) == 0);
}

static const struct conf_listener *
listener_of(const union address *a, uint32_t *index)
{
	const struct conf_listener	*found = NULL;
	uint32_t			 i = 0;

	CONF_EACH(const struct conf_listener, l, &proc_conf()->listeners) {
		if (a->sa.sa_family == AF_UNIX ? l->path[0] != '\0' &&
		    strncmp(l->path, a->un.sun_path,
		    sizeof(a->un.sun_path)) == 0 :
		    l->path[0] == '\0' && same_place(&l->addr, a, 0)) {
			*index = i;
			return (l);
		}
		if (found == NULL && a->sa.sa_family != AF_UNIX &&
		    l->path[0] == '\0' && same_place(&l->addr, a, 1)) {
			*index = i;
			found = l;
		}
		i++;
	}
	return (found);
}

/* A program of this machine: the kernel knows whose. */
static int
local_user(struct conn *c, int fd)
{
	struct ucred	 who;
	socklen_t	 n = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == -1)
		return (-1);
	c->local = 1;
	c->uid = who.uid;
	snprintf(c->remote, sizeof(c->remote), "local");
	ratelimit_name(&c->key, span_of(&who.uid, sizeof(who.uid)));
	return (0);
}

/* Addresses and listener.  -1: it is no socket of a client of ours. */
static int
ask_kernel(struct conn *c, int fd, const char **why)
{
	union address	 local = { 0 }, remote = { 0 };
	socklen_t	 n = sizeof(local), type_n = sizeof(int);
	enum conf_kind	 kind;
	int		 type;

	*why = "the connection is gone";
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_n) == -1 ||
	    type != SOCK_STREAM || getsockname(fd, &local.sa, &n) == -1)
		return (-1);
	n = sizeof(remote);
	if (getpeername(fd, &remote.sa, &n) == -1)
		return (-1);
	unmap(&local);
	unmap(&remote);
	if ((c->listener = listener_of(&local, &c->index)) == NULL) {
		*why = "no longer served here";
		return (-1);
	}
	kind = c->listener->kind;
	if ((kind == KIND_IMAP) != (peer_role(c->link->peer) == ROLE_FRONT)) {
		*why = "not served here";
		return (-1);
	}
	if (local.sa.sa_family == AF_UNIX)
		return (local_user(c, fd));
	if (ratelimit_address(&c->key, &remote.sa) == -1 ||
	    inet_ntop(remote.sa.sa_family, remote.sa.sa_family == AF_INET ?
	    (const void *)&remote.in.sin_addr : &remote.in6.sin6_addr,
	    c->remote, sizeof(c->remote)) == NULL)
		return (-1);
	if (inet_ntop(local.sa.sa_family, local.sa.sa_family == AF_INET ?
	    (const void *)&local.in.sin_addr : &local.in6.sin6_addr,
	    c->local_address, sizeof(c->local_address)) == NULL)
		return (-1);
	c->loopback = remote.sa.sa_family == AF_INET ?
	    ntohl(remote.in.sin_addr.s_addr) >> 24 == 127 :
	    IN6_IS_ADDR_LOOPBACK(&remote.in6.sin6_addr);
	c->port = ntohs(remote.sa.sa_family == AF_INET ?
	    remote.in.sin_port : remote.in6.sin6_port);
	return (0);
}

/* ---- limits ------------------------------------------------------------------ */

/*
 * New connections a minute.  What comes from this machine is counted only where
 * a number was written down: a test of ours, a mail filter, a web mail would
 * meet a limit that is meant for strangers.
 */
static int
too_fast(const struct conn *c)
{
	if (c->local || (c->loopback &&
	    c->listener->limits.connects_address == 0))
		return (0);
	return (!ratelimit_add(auth.connects[c->listener->kind], &c->key,
	    auth_now(), 1));
}

static int
may_stay(struct conn *c, const char **why)
{
	const struct conf_limits	*l = &c->listener->limits;
	struct ratelimit_bounds		 b = { l->connections,
					    l->connections_address,
					    l->connections_prefix };
	struct account			 a;

	if (c->local && userdb_by_user(&auth.db, c->uid, &a) == -1) {
		*why = errno == ENOENT ? "this user has no account here" :
		    "try again later";
		return (0);
	}
	if (c->listener->kind != KIND_SMTP && !ratelimit_check(auth.failures,
	    &c->key, auth_now(), 1)) {
		*why = "too many failed logins from your address, "
		    "try again later";
		return (0);
	}
	if (too_fast(c)) {
		*why = "too many new connections from your network, "
		    "try again later";
		return (0);
	}
	switch (ratelimit_open_add(auth.open[c->listener->kind], &c->key,
	    &b)) {
	case RATELIMIT_OK:
		return (1);
	case RATELIMIT_TOTAL:
		*why = "too many connections, try again later";
		break;
	case RATELIMIT_ADDRESS:
		*why = "too many connections from your address";
		break;
	case RATELIMIT_PREFIX:
		*why = "too many connections from your network";
		break;
	case RATELIMIT_NOMEM:
		*why = "try again later";
		break;
	}
	return (0);
}

/* A flood of connections is no flood of lines. */
static void
log_refusal(const char *remote, const char *why)
{
	static uint64_t	 second;
	static unsigned	 lines, left_out;

	if (auth_now() != second) {
		if (left_out > 0)
			log_info("and %u more connections refused", left_out);
		second = auth_now();
		lines = left_out = 0;
	}
	if (lines++ < LINES_A_SECOND)
		log_info("connection from %s refused: %s",
		    remote[0] == '\0' ? "?" : remote, why);
	else
		left_out++;
}

int
on_conn_open(struct peer *p, struct imsg *m)
{
	struct msg_conn_opened	 o = { 0 };
	struct msg_number	 n;
	struct link		*l = peer_arg(p);
	struct conn		*c;
	const char		*why = "try again later";

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	o.conn = n.number;
	if (l != NULL && conn_find(l, n.number) != NULL)
		return (-1);
	c = l == NULL || m->fd == -1 ? NULL : calloc(1, sizeof(*c));
	if (c != NULL) {
		c->link = l;
		c->number = n.number;
		if (ask_kernel(c, m->fd, &why) == 0)
			o.allowed = (uint8_t)may_stay(c, &why);
		o.listener = c->index;
		o.remote = span_str(c->remote);
		o.port = c->port;
	}
	if (o.allowed) {
		LIST_INSERT_HEAD(&l->conns[n.number % CONN_BUCKETS], c, entry);
		l->nconns++;
	} else {
		o.text = span_str(why);
		log_refusal(c == NULL ? "" : c->remote, why);
	}
	(void)peer_reply(p, M_CONN_OPEN, m->id, &c_conn_opened, &o, -1);
	if (!o.allowed)
		free(c);
	return (0);
}

/* Once; of a connection that was opened before this process was started, or
 * refused, nothing is known. */
int
on_conn_tls(struct peer *p, struct imsg *m)
{
	struct msg_conn_tls	 t;
	struct link		*l = peer_arg(p);
	struct conn		*c;
	struct buf		 text = { 0 };

	if (imsg_get(m, &c_conn_tls, &t) == -1)
		return (-1);
	if (l == NULL || (c = conn_find(l, t.conn)) == NULL)
		return (0);
	if (c->tls || c->in || c->local || c->exchange != NULL)
		return (-1);
	c->tls = 1;
	buf_add_span(&text, t.version);
	if (t.cipher.n > 0)
		buf_addf(&text, " %s", log_esc(t.cipher));
	if (!buf_failed(&text))
		c->version = span_dup(span_buf(&text));
	buf_free(&text);
	buf_add_span(&c->bindings[SCRAM_TLS_EXPORTER], t.exporter);
	buf_add_span(&c->bindings[SCRAM_TLS_UNIQUE], t.unique);
	buf_add_span(&c->bindings[SCRAM_TLS_SERVER_END_POINT], t.end_point);
	return (0);
}

int
on_conn_closed(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;
	struct link		*l = peer_arg(p);
	struct conn		*c;

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	if (l != NULL && (c = conn_find(l, n.number)) != NULL)
		conn_free(c);
	return (0);
}
