/*
 * One connection of a relay worker.  The addresses of its destination are tried
 * in turn until a server takes the session; where TLS is only opportunistic and
 * its handshake fails, the same address is tried again in clear.  Then it
 * carries messages until none waits.
 */
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "proc.h"
#include "queued/relay.h"
#include "tlsctx.h"

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	struct dest		*dest;
	struct delivery		*d;		/* NULL: idle */
	int			 begun;		/* the session has it */
	struct place		 place;		/* as it was at the start */
	size_t			 at;		/* candidate */
	size_t			 last;		/* the one tried last */
	int			 clear;		/* no TLS with this one */
	int			 fd;		/* while it is being made */
	struct event		*ev;		/* connected; again */
	struct event		*life;
	struct io		*io;
	struct smtpclient	*c;
	int			 handshake;
	const char		*state;		/* when the deadline was set */
	unsigned		 messages;
	uint64_t		 born;
	struct relay_result	 why;		/* of the last candidate */
	char			 address[DNS_ADDR_TEXT];
	char			 where[DNS_HOST_MAX + DNS_ADDR_TEXT + 3];
	char			 tls[128];
};

static void	 try(struct conn *);
static int	 dial(struct conn *);
static int	 bind_source(const struct conf_transport *, int, int);
static void	 on_connect(evutil_socket_t, short, void *);
static void	 on_life(evutil_socket_t, short, void *);
static void	 established(struct conn *);
static int	 is_ourselves(const struct conn *);
static void	 session_start(struct conn *);
static void	 session_down(struct conn *);
static void	 start_tls(struct conn *);
static void	 tls_done(struct conn *);
static void	 tls_failed(struct conn *, const char *);
static void	 next_candidate(struct conn *);
static void	 give_up(struct conn *);
static void	 on_io(struct io *, enum io_event, void *);
static void	 drive(struct conn *);
static void	 set_deadline(struct conn *, int, enum smtpclient_want);
static void	 ready(struct conn *);
static void	 complete(struct conn *, const struct relay_result *);
static int	 other_family(struct conn *);
static void	 say_quit(struct conn *);
static void	 failed(struct conn *);
static void	 lost(struct conn *, const char *);
static void	 conn_free(struct conn *);
static void	 trace(void *, int, struct span);

static const char *
host(const struct conn *c)
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
	struct conn			*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->dest = e;
	c->place = e->place;
	c->fd = -1;
	c->born = proc_now_ms();
	c->ev = event_new(proc_base(), -1, 0, on_connect, c);
	c->life = event_new(proc_base(), -1, 0, on_life, c);
	if (c->ev == NULL || c->life == NULL) {
		if (c->ev != NULL)
			event_free(c->ev);
		free(c);
		return (-1);
	}
	event_add(c->life, &life);
	c->d = d;
	TAILQ_INSERT_TAIL(&e->conns, c, entry);
	try(c);
	return (0);
}

static void
conn_free(struct conn *c)
{
	struct dest	*e = c->dest;

	TAILQ_REMOVE(&e->conns, c, entry);
	session_down(c);
	event_free(c->ev);
	event_free(c->life);
	free(c);
	dest_left(e);
}

/* ---- connecting ----------------------------------------------------------- */

/* The candidate at hand, or the next that gets as far as waiting. */
static void
try(struct conn *c)
{
	while (c->at < c->place.ncandidates) {
		if (dial(c) == 0)
			return;
		c->at++;
		c->clear = 0;
	}
	give_up(c);
}

static void
next_candidate(struct conn *c)
{
	session_down(c);
	c->at++;
	c->clear = 0;
	try(c);
}

/* Nobody took it: what the last one said is why. */
static void
give_up(struct conn *c)
{
	struct relay_facts	 f = { 0 };
	struct dest		*e = c->dest;

	c->at = c->last;
	f.host = host(c);
	f.address = c->address;
	f.tls = "";
	log_info("%s: %s", log_escs(e->name), c->why.text);
	delivery_end(c->d, &c->why, &f);
	c->d = NULL;
	dest_unreachable(e, &c->why, &f);
	conn_free(c);
}

static void
dial_failed(struct conn *c, const char *why)
{
	relay_result(&c->why, RESULT_TEMP, 0, "4.4.1",
	    "connect to %s port %u: %s", c->where, c->dest->t->port, why);
}

static int
bind_source(const struct conf_transport *t, int fd, int family)
{
	const char		*from = family == AF_INET ? t->source4 :
				    t->source6;
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

static int
dial(struct conn *c)
{
	static const struct timeval	 patience = { RELAY_CONNECT, 0 };
	const struct dns_addr		*a = &c->place.candidates[c->at].addr;
	const struct conf_transport	*t = c->dest->t;
	struct sockaddr_storage		 ss;
	socklen_t			 n = dns_addr_to(a, t->port, &ss);

	c->last = c->at;
	(void)dns_addr_text(a, c->address);
	snprintf(c->where, sizeof(c->where), "%s[%s]",
	    *host(c) == '[' ? "" : host(c), c->address);
	c->tls[0] = '\0';
	c->fd = socket(a->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (c->fd == -1 || bind_source(t, c->fd, a->family) == -1 ||
	    (connect(c->fd, (struct sockaddr *)&ss, n) == -1 &&
	    errno != EINPROGRESS)) {
		dial_failed(c, strerror(errno));
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
		drive(c);
		return;
	}
	if ((what & EV_WRITE) == 0)
		error = ETIMEDOUT;
	else if (getsockopt((int)fd, SOL_SOCKET, SO_ERROR, &error, &n) == -1)
		error = errno;
	if (error != 0) {
		dial_failed(c, strerror(error));
		next_candidate(c);
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
		next_candidate(c);
		return;
	}
	event_del(c->ev);
	event_assign(c->ev, proc_base(), -1, 0, on_connect, c);
	c->fd = -1;
	if ((c->io = io_new(proc_base(), fd, on_io, c)) == NULL) {
		dial_failed(c, "no memory");
		next_candidate(c);
		return;
	}
	session_start(c);
}

/* ---- the session ---------------------------------------------------------- */

static void
trace(void *arg, int sent, struct span line)
{
	struct conn	*c = arg;

	if (log_enabled(LOG_LEVEL_DEBUG))
		log_debug("%s %s %s", c->where, sent ? ">" : "<",
		    log_esc(line));
}

static void
session_start(struct conn *c)
{
	static const enum smtpclient_tls	 modes[] = {
		[TLS_OFF] = SMTPCLIENT_TLS_OFF,
		[TLS_OPTIONAL] = SMTPCLIENT_TLS_OPTIONAL,
		[TLS_REQUIRED] = SMTPCLIENT_TLS_REQUIRED,
		[TLS_IMPLICIT] = SMTPCLIENT_TLS_IMPLICIT,
	};
	const struct conf_transport	*t = c->dest->t;
	struct smtpclient_settings	 set = { .rcpts = t->recipients,
					    .out_high = RELAY_QUEUE,
					    .trace = trace, .arg = c };

	set.hostname = *t->helo != '\0' ? t->helo : c->dest->conf->hostname;
	set.tls = c->clear ? SMTPCLIENT_TLS_OFF : modes[c->dest->tls.mode];
	if ((c->c = smtpclient_new(&set)) == NULL) {
		dial_failed(c, "no memory");
		next_candidate(c);
		return;
	}
	io_lowat(c->io, RELAY_QUEUE / 2);
	c->state = NULL;
	if (c->dest->tls.mode == TLS_IMPLICIT)
		start_tls(c);
	else
		drive(c);
}

static void
session_down(struct conn *c)
{
	event_del(c->ev);
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
start_tls(struct conn *c)
{
	const char	*name = host(c);
	struct dns_addr	 a;
	struct tls	*tls;

	/* No name to ask for in an address, RFC 6066 section 3. */
	if (dns_addr_parse(span_str(name), &a) == 0 || *name == '[')
		name = NULL;
	if ((tls = tlsctx_client_tls(relay.tls)) == NULL ||
	    io_tls_client(c->io, tls, name) == -1) {
		tls_failed(c, "it cannot begin");
		return;
	}
	c->handshake = 1;
	io_deadline(c->io, RELAY_HANDSHAKE);
}

static void
tls_done(struct conn *c)
{
	struct tlsctx_facts	 f;
	struct buf		 why = { .max = 256 };
	char			 name[DNS_HOST_MAX + 1];
	struct dns_addr		 a;

	c->handshake = 0;
	tlsctx_facts(c->io, &f);
	snprintf(name, sizeof(name), "%s", host(c));
	if (dns_addr_literal(span_str(name), &a) == 0)
		(void)dns_addr_text(&a, name);
	if (c->dest->tls.verify &&
	    tlsctx_verify_name(relay.tls, c->io, name, &why) == -1) {
		tls_failed(c, buf_cstr(&why));
		buf_free(&why);
		return;
	}
	buf_free(&why);
	snprintf(c->tls, sizeof(c->tls), "%s %s%s", f.version, f.cipher,
	    c->dest->tls.verify ? " verified" : "");
	c->state = NULL;
	if (c->dest->tls.mode != TLS_IMPLICIT)
		smtpclient_tls_done(c->c);
	drive(c);
}

static void
tls_failed(struct conn *c, const char *why)
{
	relay_result(&c->why, RESULT_TEMP, 0, "4.7.5", "TLS with %s: %s",
	    c->where, why);
	if (!c->dest->tls.fallback || c->clear) {
		next_candidate(c);
		return;
	}
	log_info("%s; again in clear", c->why.text);
	session_down(c);
	c->clear = 1;
	if (dial(c) == -1)
		next_candidate(c);
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct conn	*c = arg;

	switch (what) {
	case IO_DATA:
	case IO_LOWAT:
		if (!c->handshake)
			drive(c);
		break;
	case IO_TLS:
		tls_done(c);
		break;
	case IO_EOF:
		lost(c, "the server closed the connection");
		break;
	case IO_ERROR:
		lost(c, io_error(io));
		break;
	case IO_TIMEOUT:
		if (conn_idle(c))
			conn_quit(c);
		else
			lost(c, "the server does not answer in time");
		break;
	}
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
		lost(c, "the session takes too long");
	else {
		dial_failed(c, "the session takes too long");
		c->at = c->place.ncandidates;
		next_candidate(c);
	}
}

/* The connection is no use any more. */
static void
lost(struct conn *c, const char *why)
{
	struct buf	 text = { .max = 512 };

	if (c->handshake) {
		tls_failed(c, why);
		return;
	}
	buf_addf(&text, "%s: %s (%s)", c->where, why, smtpclient_state(c->c));
	smtpclient_abort(c->c, "4.4.2", buf_cstr(&text));
	buf_free(&text);
	failed(c);
}

static void
set_deadline(struct conn *c, int line, enum smtpclient_want want)
{
	const char	*state = smtpclient_state(c->c);

	if (want == SMTPCLIENT_WRITE)
		io_deadline(c->io, RELAY_QUEUE / RELAY_RATE);
	else if (line || state != c->state)
		io_deadline(c->io, smtpclient_patience(c->c));
	c->state = state;
}

/* Go on with what arrived or drained; c may be gone afterwards. */
static void
drive(struct conn *c)
{
	struct span		 in = io_in(c->io);
	size_t			 n = in.n;
	int			 line = span_find(in, '\n') != -1;
	enum smtpclient_want	 want;

	want = smtpclient_step(c->c, &in, io_out(c->io));
	io_drain(c->io, n);
	if (io_outlen(c->io) > 0)
		io_kick(c->io);
	set_deadline(c, line, want);
	switch (want) {
	case SMTPCLIENT_READ:
	case SMTPCLIENT_WRITE:
		break;
	case SMTPCLIENT_AGAIN:
		event_active(c->ev, EV_TIMEOUT, 0);
		break;
	case SMTPCLIENT_TLS_NOW:
		start_tls(c);
		break;
	case SMTPCLIENT_READY:
		ready(c);
		break;
	case SMTPCLIENT_SASL:
	case SMTPCLIENT_END:
	case SMTPCLIENT_FAILED:
		failed(c);
		break;
	}
}

/* ---- messages ------------------------------------------------------------- */

/* Results are in the message, or why stands for those that are missing. */
static void
complete(struct conn *c, const struct relay_result *why)
{
	struct relay_facts	 f = { 0 };
	struct delivery		*d = c->d;

	f.host = host(c);
	f.address = c->address;
	f.tls = c->tls;
	f.dsn = c->c != NULL &&
	    (smtpclient_extensions(c->c) & SMTPCLIENT_DSN) != 0;
	c->d = NULL;
	c->begun = 0;
	delivery_end(d, why, &f);
}

/*
 * Was everything refused for policy (x.7.x), which may be about the address we
 * come from?  Then the other family is tried, once, before that counts.
 */
static int
other_family(struct conn *c)
{
	const struct smtpclient_result	*r;
	struct delivery			*d = c->d;
	size_t				 i, at = c->at;
	int				 family;

	family = c->place.candidates[at].addr.family;
	for (i = 0; i < d->msg.nrcpts; i++) {
		r = c->begun ? &d->rcpts[i].result : smtpclient_error(c->c);
		if (r->outcome != SMTPCLIENT_PERM || r->code == 0 ||
		    strncmp(r->enhanced, "5.7.", 4) != 0)
			return (0);
	}
	while (++at < c->place.ncandidates &&
	    c->place.candidates[at].addr.family == family)
		continue;
	if (d->family || at >= c->place.ncandidates)
		return (0);
	d->family = 1;
	smtpclient_results_free(&d->msg);
	c->begun = 0;
	c->clear = 0;
	c->at = at;
	if (smtpclient_failure(c->c) == SMTPCLIENT_NO_FAILURE)
		say_quit(c);
	io_finish(c->io);
	c->io = NULL;
	session_down(c);
	try(c);
	return (1);
}

/* A message is over, or the first one may begin. */
static void
ready(struct conn *c)
{
	if (c->d != NULL && c->begun && other_family(c))
		return;
	if (c->d != NULL && c->begun) {
		complete(c, NULL);
		c->messages++;
		if (relay.stopping || !smtpclient_more(c->c) ||
		    c->dest->conf != proc_conf() ||
		    c->messages >= RELAY_MESSAGES ||
		    proc_now_ms() - c->born > RELAY_REUSE * 1000u) {
			conn_quit(c);
			return;
		}
		c->d = dest_next(c->dest);
	}
	if (c->d == NULL) {
		io_deadline(c->io, RELAY_KEEP);
		dest_idle(c->dest);
		return;
	}
	c->begun = 1;
	smtpclient_send(c->c, &c->d->msg);
	/* In a turn of its own: many refused at once are no recursion. */
	event_active(c->ev, EV_TIMEOUT, 0);
}

void
conn_give(struct conn *c, struct delivery *d)
{
	c->d = d;
	ready(c);
}

static void
say_quit(struct conn *c)
{
	struct span	 none = span_of(NULL, 0);

	smtpclient_quit(c->c);
	(void)smtpclient_step(c->c, &none, io_out(c->io));
}

void
conn_quit(struct conn *c)
{
	say_quit(c);
	io_finish(c->io);
	c->io = NULL;
	conn_free(c);
}

/* The session failed; its message may still have another chance. */
static void
failed(struct conn *c)
{
	const struct smtpclient_result	*r = smtpclient_error(c->c);
	enum smtpclient_failure		 f = smtpclient_failure(c->c);
	struct delivery			*d = c->d;

	if (d == NULL) {
		conn_free(c);
		return;
	}
	if (c->begun) {
		/* Kept, and closed at the very moment: a new one. */
		if (c->messages > 0 && d->again == 0 &&
		    f == SMTPCLIENT_FAIL_CLOSED &&
		    !smtpclient_answered(c->c)) {
			d->again = 1;
			smtpclient_results_free(&d->msg);
			TAILQ_INSERT_HEAD(&c->dest->waiting, d, entry);
			c->d = NULL;
		} else
			complete(c, NULL);
		conn_free(c);
		return;
	}
	relay_result(&c->why, r->outcome == SMTPCLIENT_PERM ? RESULT_NO :
	    RESULT_TEMP, r->code, r->enhanced, "%s",
	    r->text == NULL ? "" : r->text);
	if (other_family(c))
		return;
	/* Let the QUIT out. */
	io_finish(c->io);
	c->io = NULL;
	if (c->why.result == RESULT_NO && f != SMTPCLIENT_FAIL_TLS) {
		complete(c, &c->why);
		conn_free(c);
	} else
		next_candidate(c);
}
