/*
 * A connection: a socket, a session, the time they may take, and auth's word
 * on whether it may be there at all.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "authconn.h"
#include "log.h"
#include "smtpd.h"

static void	 name_remote(struct conn *, const struct sockaddr_storage *);
static int	 on_opened(void *, struct peer *, struct imsg *);
static int	 on_registered(void *, struct peer *, struct imsg *);
static void	 greet(struct conn *);
static void	 on_greeting(evutil_socket_t, short, void *);
static void	 welcome(struct conn *);
static void	 on_io(struct io *, enum io_event, void *);
static void	 on_tls(struct conn *);
static int	 on_identity(void *, struct peer *, struct imsg *);
static void	 tls_done(struct conn *);
static void	 timed_out(struct conn *);
static void	 begin_tls(struct conn *);
static int	 deadline(struct conn *, size_t);
static void	 finish(struct conn *);
static int	 early(const struct conn *);
static void	 reading(struct conn *, int);

static int	 op_mail(struct session *);
static int	 op_rcpt(struct session *);
static int	 op_file(struct session *);
static int	 op_write(struct session *, struct span);
static int	 op_commit(struct session *);
static void	 op_late(struct session *);
static void	 op_drop(struct session *);

struct conns		 conns = TAILQ_HEAD_INITIALIZER(conns);
size_t			 nconns;
static uint64_t		 next_number;
static unsigned		 began;

static const struct session_ops	 ops = {
	.mail = op_mail,
	.rcpt = op_rcpt,
	.file = op_file,
	.write = op_write,
	.commit = op_commit,
	.late = op_late,
	.drop = op_drop,
	.auth_start = sasl_start,
	.auth_step = sasl_step,
	.auth_abort = sasl_abort,
	.auth_cancel = sasl_cancel,
	.auth_key = sasl_key,
};

/* ---- mail from outside, or of those logged in ----------------------------- */

static int
op_mail(struct session *s)
{
	return (submit_mail(s));
}

static int
op_rcpt(struct session *s)
{
	return (session_is_mx(s) ? deliver_rcpt(s) : submit_rcpt(s));
}

static int
op_file(struct session *s)
{
	return (session_is_mx(s) ? deliver_file(s) : submit_file(s));
}

static int
op_write(struct session *s, struct span octets)
{
	return (session_is_mx(s) ? deliver_write(s, octets) :
	    submit_write(s, octets));
}

static int
op_commit(struct session *s)
{
	return (session_is_mx(s) ? deliver_commit(s) : submit_commit(s));
}

static void
op_late(struct session *s)
{
	if (session_is_mx(s))
		deliver_late(s);
	else
		submit_late(s);
}

static void
op_drop(struct session *s)
{
	if (session_is_mx(s))
		deliver_drop(s);
	else
		submit_drop(s);
}

/* ---- beginning and end ---------------------------------------------------- */

static void
name_remote(struct conn *c, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in	*v4 = (const void *)ss;
	const struct sockaddr_in6	*v6 = (const void *)ss;
	const void			*addr = &v4->sin_addr;
	int				 family = AF_INET;

	if (ss->ss_family == AF_INET6 &&
	    IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		addr = &v6->sin6_addr.s6_addr[12];
	else if (ss->ss_family == AF_INET6) {
		family = AF_INET6;
		addr = &v6->sin6_addr;
	} else if (ss->ss_family != AF_INET) {
		c->local = 1;
		strcpy(c->s.remote, "local");
		return;
	}
	if (inet_ntop(family, addr, c->s.remote, sizeof(c->s.remote)) == NULL)
		strcpy(c->s.remote, "unknown");
}

void
conn_new(int fd, const struct sockaddr_storage *from,
    const struct conf_listener *l, struct tlsctx *ctx)
{
	struct conn	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->file = c->link_fd = -1;
	c->was = S_COUNT;	/* no deadline yet */
	if ((c->io = io_new(proc_base(), fd, on_io, c)) == NULL) {
		free(c);
		return;
	}
	reading(c, 0);
	io_lowat(c->io, SESSION_OUT_MAX / 4);
	session_init(&c->s, &ops, c, l, io_out(c->io));
	c->number = ++next_number;
	c->since = time(NULL);
	if (began == 0)
		began = (unsigned)c->since;	/* no id is another's later */
	snprintf(c->s.id, sizeof(c->s.id), "%08x-%u-%llx", began,
	    proc_instance(), (unsigned long long)c->number);
	name_remote(c, from);
	c->ctx = tlsctx_ref(ctx);
	c->s.can_tls = ctx != NULL && l->tls != TLS_IMPLICIT;
	if (l->kind != KIND_SMTP)
		c->login_by = proc_now_ms() +
		    (uint64_t)l->limits.login_timeout * 1000;
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
	io_deadline(c->io, CONN_AUTH_WAIT);
	c->ask = authconn_open(c->number, fd, on_opened, c);
	if (c->ask != 0)
		c->counted = 1;
	else if (nconns > CONN_AWAY_MAX)
		conn_end(c, "4.7.0", "too many connections");
	else
		welcome(c);
}

void
conn_free(struct conn *c)
{
	if (c->busy) {		/* a command of its own ended it */
		c->dead = 1;
		return;
	}
	if (c->ask != 0)
		peer_forget(authconn_peer(), c->ask);
	if (c->again != 0)
		peer_forget(authconn_peer(), c->again);
	if (c->counted || c->again != 0)
		authconn_closed(c->number);
	deliver_forget(c);
	submit_forget(c);
	session_free(&c->s);
	io_free(c->io);
	if (c->greeting != NULL)
		event_free(c->greeting);
	tlsctx_unref(c->ctx);
	free(c->refusal);
	TAILQ_REMOVE(&conns, c, entry);
	nconns--;
	free(c);
	role_conn_gone();
}

void
conn_end(struct conn *c, const char *enhanced, const char *why)
{
	if (c->s.state == S_TLS) {
		conn_free(c);
		return;
	}
	session_end(&c->s, enhanced, why);
	conn_run(c);
}

static int
on_opened(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_opened	 o;
	struct conn		*c = arg;

	(void)p;
	c->ask = 0;
	if (m == NULL) {
		c->counted = 0;
		welcome(c);
		return (0);
	}
	if (imsg_get(m, &c_conn_opened, &o) == -1 || o.conn != c->number) {
		conn_free(c);
		return (-1);
	}
	if (!o.allowed) {
		log_debug("%s: %s: refused: %s", c->s.id, c->s.remote,
		    log_esc(o.text));	/* auth says so in its log */
		c->counted = 0;
		c->refusal = strdup(o.text.n > 0 ? log_esc(o.text) :
		    "too many connections");
	}
	welcome(c);
	return (0);
}

void
conn_register(struct conn *c)
{
	if (!c->counted && c->again == 0 && c->io != NULL)
		c->again = authconn_open(c->number, io_fd(c->io),
		    on_registered, c);
}

void
conn_forgotten(struct conn *c)
{
	c->counted = 0;
	if (c->s.client_key)
		session_on_identity(&c->s, NULL);
}

static int
on_registered(void *arg, struct peer *p, struct imsg *m)
{
	struct tlsctx_facts	 facts;
	struct msg_conn_opened	 o;
	struct conn		*c = arg;

	(void)p;
	c->again = 0;
	if (m == NULL)
		return (0);
	if (imsg_get(m, &c_conn_opened, &o) == -1 || o.conn != c->number)
		return (-1);
	if (!o.allowed) {
		conn_end(c, "4.7.0", "too many connections");
		return (0);
	}
	c->counted = 1;
	if (c->s.tls) {
		tlsctx_facts(c->io, &facts);
		authconn_tls(c->number, &facts);
	}
	return (0);
}

/* Does a client talk before it was greeted?  Then it will not listen either. */
static int
early(const struct conn *c)
{
	uint8_t	 octet;

	return (session_is_mx(&c->s) && !c->s.tls && recv(io_fd(c->io), &octet, 1,
	    MSG_PEEK | MSG_DONTWAIT) > 0);
}

static void
on_greeting(evutil_socket_t fd, short what, void *arg)
{
	struct conn	*c = arg;

	(void)fd;
	(void)what;
	event_free(c->greeting);
	c->greeting = NULL;
	greet(c);
}

static void
greet(struct conn *c)
{
	if (early(c)) {
		log_info("%s: %s: talks before the greeting", c->s.id,
		    c->s.remote);
		session_refuse(&c->s, 554, "5.5.0", "wait for the greeting");
	} else
		session_greet(&c->s);
	conn_run(c);
}

static void
welcome(struct conn *c)
{
	static const struct timeval	 soon = { 0, CONN_GREET_WAIT };
	struct session			*s = &c->s;

	log_debug("%s: connection from %s", s->id, s->remote);
	if (s->listener->tls == TLS_IMPLICIT && !s->tls) {
		begin_tls(c);
		return;
	}
	if (c->refusal != NULL)
		session_refuse(s, 421, "4.7.0", c->refusal);
	else if (c->local)
		session_login_peer(s);
	else {
		if (session_is_mx(s) && !s->tls)
			c->greeting = event_new(proc_base(), -1, 0,
			    on_greeting, c);
		if (c->greeting != NULL)
			event_add(c->greeting, &soon);
		else
			greet(c);
		return;
	}
	conn_run(c);
}

/* ---- TLS ------------------------------------------------------------------ */

static void
begin_tls(struct conn *c)
{
	c->s.state = S_TLS;
	io_deadline(c->io, CONN_TLS_WAIT);
	if (c->ctx == NULL || io_tls_server(c->io, c->ctx) == -1) {
		log_info("%s: %s: TLS cannot begin", c->s.id, c->s.remote);
		conn_free(c);
		return;
	}
	tlsctx_unref(c->ctx);
	c->ctx = NULL;
	reading(c, 1);
}

/* The handshake is done: that goes to auth, and the key that the client showed,
 * whose owner auth finds before anything else is done. */
static void
on_tls(struct conn *c)
{
	struct tlsctx_facts	 facts;

	tlsctx_facts(c->io, &facts);
	c->s.tls_version = facts.version;
	c->s.tls_cipher = facts.cipher;
	c->s.binding = authconn_binding(&facts) != 0;
	session_on_tls(&c->s);
	reading(c, 0);
	if (c->counted) {
		authconn_tls(c->number, &facts);
		if (facts.has_key)
			c->ask = authconn_key(c->number, &facts, on_identity,
			    c);
	}
	tlsctx_forget(c->io);
	c->key_asked = c->ask != 0;
	if (c->key_asked) {
		io_deadline(c->io, AUTHCONN_KEY_WAIT);
		return;
	}
	if (facts.has_key)
		session_on_identity(&c->s, NULL);
	tls_done(c);
}

static int
on_identity(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_identity	 id;
	struct conn			*c = arg;
	int				 rc = 0;

	(void)p;
	c->ask = 0;
	c->key_asked = 0;
	if (m != NULL)
		rc = authconn_identity(m, c->number, &id);
	session_on_identity(&c->s, m == NULL ? NULL : &id);
	if (c->s.client_key)
		c->login_by = 0;	/* it need not log in */
	tls_done(c);
	return (rc);
}

static void
tls_done(struct conn *c)
{
	if (c->s.listener->tls == TLS_IMPLICIT && c->s.state != S_END)
		welcome(c);
	else
		conn_run(c);
}

/* ---- time ----------------------------------------------------------------- */

/*
 * A command has its time from when it is waited for, however slowly it comes.
 * A message must keep its rate: each octet earns time, the whole never more
 * than a command has.  -1: it is used up.
 */
static int
deadline(struct conn *c, size_t octets)
{
	const struct conf_limits	*lim = &c->s.listener->limits;
	uint64_t			 all = (uint64_t)lim->timeout * 1000;
	uint64_t			 now, used, left;

	if (session_receiving(&c->s)) {
		now = proc_now_ms();
		if (c->was != c->s.state)
			c->budget = all;
		else {
			used = now - c->last;
			c->budget += octets * 1000 / (lim->data_rate == 0 ? 1 :
			    lim->data_rate);
			c->budget = c->budget > used ? c->budget - used : 0;
			if (c->budget > all)
				c->budget = all;
		}
		c->last = now;
		if (c->budget == 0)
			return (-1);
		io_deadline(c->io, (unsigned)(c->budget / 1000) + 1);
	} else if (c->was != c->s.state || c->seen != c->s.commands) {
		left = lim->timeout;
		if (c->login_by != 0 && c->s.account == NULL) {
			now = proc_now_ms();
			used = now < c->login_by ?
			    (c->login_by - now) / 1000 + 1 : 1;
			if (used < left)
				left = used;
		}
		io_deadline(c->io, (unsigned)left);
	}
	c->was = c->s.state;
	c->seen = c->s.commands;
	return (0);
}

/* How long an answer may take. */
static void
patience(struct conn *c)
{
	switch (c->s.state) {
	case S_STORING:
		io_deadline(c->io, session_is_mx(&c->s) && !c->late ?
		    CONN_STORE_WAIT : CONN_QUEUE_WAIT);
		break;
	case S_FILE_WAIT:
		io_deadline(c->io, CONN_FILE_WAIT);
		break;
	case S_DELAY:
		io_deadline(c->io, (c->s.delay_ms + 999) / 1000);
		break;
	default:
		io_deadline(c->io, c->s.listener->limits.timeout);
	}
	c->was = c->s.state;
}

/* Resuming says again what is there already: only after a pause. */
static void
reading(struct conn *c, int on)
{
	if (on && c->paused)
		io_resume(c->io);
	else if (!on && !c->paused)
		io_pause(c->io);
	c->paused = !on;
}

/* ---- the loop's side ------------------------------------------------------ */

/* Send what there is, then close. */
static void
finish(struct conn *c)
{
	io_finish(c->io);
	c->io = NULL;
	conn_free(c);
}

void
conn_run(struct conn *c)
{
	struct span	 in;
	size_t		 n;
	enum want	 want;

	if (c->busy)
		return;
	c->busy = 1;
	in = io_in(c->io);
	n = in.n;
	want = session_input(&c->s, &in);
	n -= in.n;
	io_drain(c->io, n);
	c->busy = 0;
	if (c->dead) {
		conn_free(c);
		return;
	}
	if (io_outlen(c->io) > 0)
		io_kick(c->io);
	if (session_receiving(&c->s) != c->big_in) {
		c->big_in = !c->big_in;
		io_inmax(c->io, c->big_in ? CONN_IN_DATA : CONN_IN);
	}
	switch (want) {
	case WANT_READ:
		if (deadline(c, n) == 0)
			reading(c, 1);
		else {
			session_timeout(&c->s);
			finish(c);
		}
		break;
	case WANT_PEER:
		reading(c, 0);
		patience(c);
		break;
	case WANT_WRITE:
		reading(c, 0);
		io_deadline(c->io, c->s.listener->limits.timeout);
		break;
	case WANT_TLS:
		begin_tls(c);
		break;
	case WANT_CLOSE:
		finish(c);
	}
}

static void
timed_out(struct conn *c)
{
	if (c->s.state == S_TLS) {
		conn_free(c);
		return;
	}
	if (c->key_asked) {	/* auth is silent */
		peer_forget(authconn_peer(), c->ask);
		(void)on_identity(c, NULL, NULL);
		return;
	}
	c->busy = 1;		/* an answer may come at once */
	session_timeout(&c->s);
	c->busy = 0;
	if (c->dead)
		conn_free(c);
	else
		conn_run(c);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct conn	*c = arg;

	(void)io;
	switch (what) {
	case IO_DATA:
	case IO_LOWAT:
		if (c->ask == 0)
			conn_run(c);
		break;
	case IO_TLS:
		on_tls(c);
		break;
	case IO_TIMEOUT:
		timed_out(c);
		break;
	case IO_EOF:
	case IO_ERROR:
		log_debug("%s: %s: %s", c->s.id, c->s.remote,
		    what == IO_EOF ? "closed" : io_error(c->io));
		conn_free(c);
	}
}
