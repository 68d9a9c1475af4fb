/*
 * LOGIN and AUTHENTICATE: octets between the client and auth.  The session's
 * descriptor goes to auth with the first message; when auth says yes, a store
 * has taken it already and answers the client itself.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "front.h"
#include "log.h"
#include "proc.h"
#include "tlsctx.h"

static int	 on_registered(void *, struct peer *, struct imsg *);
static int	 on_sasl(void *, struct peer *, struct imsg *);
static void	 outcome(struct front *, const struct msg_sasl *);
static void	 answer(struct front *, enum sasl_outcome, struct span);
static void	 ask(struct front *, enum msg_type, const struct codec *,
		    const void *, int);

/* What a client is told when a login ends without success, RFC 5530. */
static const struct {
	enum sasl_outcome	 outcome;
	const char		*text;
} failures[] = {
	{ SASL_BAD_CREDENTIALS,	"NO [AUTHENTICATIONFAILED] bad credentials" },
	{ SASL_MALFORMED,	"BAD malformed authentication data" },
	{ SASL_UNKNOWN_MECH,	"NO no such mechanism here" },
	{ SASL_NEEDS_TLS,	"NO [PRIVACYREQUIRED] TLS first" },
	{ SASL_UNAVAILABLE,	"NO [UNAVAILABLE] try again later" },
	{ SASL_ABORTED,		"BAD aborted" },
};

int
front_mech_ok(const struct front *f, enum mech m)
{
	if ((f->listener->mechs & (1u << m)) == 0 ||
	    (f->listener->tls == TLS_REQUIRED && !f->tls))
		return (0);
	switch (m) {
	case MECH_PLAIN:
	case MECH_LOGIN:
		return (f->tls || f->listener->cleartext_auth);
	case MECH_SCRAM_SHA_256_PLUS:
	case MECH_SCRAM_SHA_1_PLUS:
		return (f->binding);
	case MECH_EXTERNAL:
		return (0);	/* until a client key is known here */
	default:
		return (1);
	}
}

void
front_send_tls(struct front *f)
{
	struct msg_conn_tls	 m = { .conn = f->id };
	struct tlsctx_facts	 facts;

	tlsctx_facts(f->io, &facts);
	m.version = span_str(facts.version);
	m.cipher = span_str(facts.cipher);
	m.sni = span_str(facts.sni);
	m.exporter = span_of(facts.exporter, facts.exporter_n);
	m.unique = span_of(facts.unique, facts.unique_n);
	m.end_point = span_of(facts.end_point, facts.end_point_n);
	f->binding = m.exporter.n + m.unique.n + m.end_point.n != 0;
	if (f->counted)
		(void)peer_put(front_auth_peer(), M_CONN_TLS, &c_conn_tls, &m,
		    -1);
}

void
front_register(struct front *f)
{
	struct msg_number	 m = { f->id };
	int			 copy;

	if (f->counted || f->ask != 0 || f->again != 0 || f->unwanted != NULL ||
	    f->state == FRONT_ENDING ||
	    (copy = fcntl(io_fd(f->io), F_DUPFD_CLOEXEC, 0)) == -1)
		return;
	f->again = peer_ask(front_auth_peer(), M_CONN_OPEN, &c_number, &m,
	    copy, on_registered, f);
}

static int
on_registered(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_opened	 o;
	struct front		*f = arg;

	(void)p;
	f->again = 0;
	if (m == NULL)
		return (0);
	if (imsg_get(m, &c_conn_opened, &o) == -1 || o.conn != f->id)
		return (-1);
	if (o.allowed) {
		f->counted = 1;
		if (f->tls)
			front_send_tls(f);
	} else if (f->state == FRONT_TLS)
		front_free(f);
	else if (f->state != FRONT_RELAY)	/* who is in stays */
		front_bye(f, "too many connections");
	return (0);
}

static void
answer(struct front *f, enum sasl_outcome what, struct span text)
{
	struct span	 tag = span_str(f->tag);
	size_t		 i;

	front_drop_pair(f);
	if (what == SASL_TOO_MANY) {
		front_bye(f, "too many failed logins");
		return;
	}
	if (what == SASL_DISABLED) {
		/* without a code: a client would ask for another password */
		front_tagged(f, tag, "NO %s", text.n == 0 ?
		    "login is disabled" : log_esc(text));
	} else {
		for (i = 0; i + 1 < nitems(failures) &&
		    failures[i].outcome != what; i++)
			continue;
		front_tagged(f, tag, "%s", failures[i].text);
	}
	front_ready(f);
}

static void
outcome(struct front *f, const struct msg_sasl *m)
{
	int	 fd;

	switch ((enum sasl_outcome)m->outcome) {
	case SASL_MORE:
		f->state = FRONT_CHALLENGED;
		buf_adds(io_out(f->io), "+ ");
		buf_add_base64(io_out(f->io), m->data);
		io_write(f->io, "\r\n", 2);
		io_deadline(f->io, f->listener->limits.login_timeout);
		io_resume(f->io);
		return;
	case SASL_OK:
		if (f->tls) {
			front_relay(f);
			return;
		}
		/* The store has the client's own socket: let go of ours. */
		if ((fd = io_release(f->io)) != -1)
			close(fd);
		else
			io_free(f->io);
		f->io = NULL;
		front_free(f);
		return;
	default:
		front_drop_pair(f);
		if (m->delay_ms == 0) {
			answer(f, (enum sasl_outcome)m->outcome, m->text);
			return;
		}
		f->state = FRONT_DELAYED;
		f->refusal = (enum sasl_outcome)m->outcome;
		io_deadline(f->io, (m->delay_ms + 999) / 1000);
	}
}

static int
on_sasl(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_sasl	 r = { .outcome = SASL_UNAVAILABLE };
	struct front	*f = arg;

	(void)p;
	f->ask = 0;
	if (m != NULL && (imsg_get(m, &c_sasl, &r) == -1 || r.conn != f->id)) {
		memset(&r, 0, sizeof(r));
		r.outcome = SASL_UNAVAILABLE;
		outcome(f, &r);
		return (-1);
	}
	outcome(f, &r);
	return (0);
}

void
front_sasl_refuse(struct front *f)
{
	answer(f, f->refusal, span_of("", 0));
}

/* One request to auth; without auth nobody logs in. */
static void
ask(struct front *f, enum msg_type type, const struct codec *c, const void *m,
    int fd)
{
	f->state = FRONT_ASKED;
	io_pause(f->io);
	io_deadline(f->io, FRONT_PATIENCE);
	f->ask = peer_ask(front_auth_peer(), type, c, m, fd, on_sasl, f);
	if (f->ask == 0)
		answer(f, SASL_UNAVAILABLE, span_of("", 0));
}

void
front_sasl_start(struct front *f, struct span mech, struct span tag,
    int has_initial, struct span initial, int login_command)
{
	struct msg_sasl_start	 m = { .conn = f->id, .mech = mech,
				    .has_initial = (uint8_t)has_initial,
				    .initial = initial, .tag = tag,
				    .login_command = (uint8_t)login_command };
	enum mech		 known = mech_by_name(mech);
	int			 fds[2] = { -1, -1 };

	free(f->tag);
	if ((f->tag = span_dup(tag)) == NULL) {
		front_bye(f, "no memory");
		return;
	}
	if (f->listener->tls == TLS_REQUIRED && !f->tls) {
		answer(f, SASL_NEEDS_TLS, span_of("", 0));
		return;
	}
	if (!login_command && (known == MECH_COUNT ||
	    !front_mech_ok(f, known))) {
		answer(f, (known == MECH_PLAIN || known == MECH_LOGIN) &&
		    (f->listener->mechs & (1u << known)) != 0 ?
		    SASL_NEEDS_TLS : SASL_UNKNOWN_MECH, span_of("", 0));
		return;
	}
	if (!f->counted) {	/* auth does not know of it, yet or again */
		answer(f, SASL_UNAVAILABLE, span_of("", 0));
		return;
	}
	if (f->tls) {
		if (stream_pair(fds) == -1) {
			answer(f, SASL_UNAVAILABLE, span_of("", 0));
			return;
		}
		f->pair = fds[0];
	} else {
		front_register(f);	/* if it was too much for auth before */
		m.plain_socket = 1;
		fds[1] = fcntl(io_fd(f->io), F_DUPFD_CLOEXEC, 0);
	}
	ask(f, M_SASL_START, &c_sasl_start, &m, fds[1]);
}

void
front_sasl_response(struct front *f, struct span line)
{
	struct msg_sasl_step	 m = { .conn = f->id };
	struct msg_number	 gone = { f->id };
	struct buf		 data = { .max = MSG_SASL_MAX };

	/* "=" for nothing is what some send here as well */
	if (span_eqs(line, "*"))
		ask(f, M_SASL_ABORT, &c_number, &gone, -1);
	else if (!span_eqs(line, "=") &&
	    buf_add_unbase64(&data, line) == -1) {
		/* Tell auth that it is over; the client hears what was wrong. */
		f->state = FRONT_ASKED;
		peer_forget(front_auth_peer(),
		    peer_ask(front_auth_peer(), M_SASL_ABORT, &c_number,
		    &gone, -1, NULL, NULL));
		answer(f, SASL_MALFORMED, span_of("", 0));
	} else {
		m.data = span_buf(&data);
		ask(f, M_SASL_STEP, &c_sasl_step, &m, -1);
	}
	buf_freezero(&data);
}
