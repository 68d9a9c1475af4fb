/*
 * LOGIN and AUTHENTICATE: octets between the client and auth.  The session's
 * descriptor goes to auth with the first message; when auth says yes, a store
 * has taken it already and answers the client itself.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authconn.h"
#include "front.h"
#include "log.h"
#include "offer.h"

static int	 on_sasl(void *, struct peer *, struct imsg *);
static void	 outcome(struct front *, const struct msg_sasl *);
static void	 answer(struct front *, enum sasl_outcome, struct span);
static void	 no_preauth(struct front *, enum sasl_outcome);
static enum sasl_outcome	 allowed(const struct front *, enum mech);
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

unsigned
front_has(const struct front *f)
{
	return ((f->tls ? OFFER_TLS : 0) | (f->binding ? OFFER_BINDING : 0) |
	    (f->key ? OFFER_KEY : 0));
}

/*
 * Its key alone was not enough: an ordinary greeting, unless a store or auth is
 * away and it would be the same with a password.
 */
static void
no_preauth(struct front *f, enum sasl_outcome what)
{
	f->preauth = 0;
	front_drop_pair(f);
	if (what == SASL_TOO_MANY)
		front_bye(f, "too many failed logins");
	else if (what == SASL_UNAVAILABLE)
		front_bye(f, "[UNAVAILABLE] try again later");
	else {
		f->key = what == SASL_DISABLED;	/* else removed meanwhile */
		front_greet(f);
	}
}

static void
answer(struct front *f, enum sasl_outcome what, struct span text)
{
	struct span	 tag;
	size_t		 i;

	if (f->preauth) {
		no_preauth(f, what);
		return;
	}
	tag = span_str(f->tag);
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
		if (f->preauth) {	/* nobody would answer */
			no_preauth(f, SASL_UNAVAILABLE);
			return;
		}
		f->state = FRONT_CHALLENGED;
		f->overlong = 0;
		buf_adds(io_out(f->io), "+ ");
		buf_add_base64(io_out(f->io), m->data);
		io_write(f->io, "\r\n", 2);
		front_deadline(f);
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
		if (m->delay_ms == 0 || f->preauth) {
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

/* One request to auth; without auth nobody logs in, nor when too many wait. */
static void
ask(struct front *f, enum msg_type type, const struct codec *c, const void *m,
    int fd)
{
	f->state = FRONT_ASKED;
	io_pause(f->io);
	io_deadline(f->io, FRONT_PATIENCE);
	f->ask = 0;
	if (type == M_SASL_START &&
	    authconn_crowded(f->who))
		close(fd);
	else
		f->ask = peer_ask_behind(authconn_peer(), f->who, type, c, m, fd,
		    on_sasl, f);
	if (f->ask == 0)
		answer(f, SASL_UNAVAILABLE, span_of("", 0));
}

/* As auth would say it without looking at a response; about a key it is asked,
 * whether one was shown or not. */
static enum sasl_outcome
allowed(const struct front *f, enum mech m)
{
	switch (offer_refuse(f->listener, front_has(f), m)) {
	case SASL_MAY:
		return (SASL_OK);
	case SASL_NO_KEY:
		return (f->key_lost ? SASL_UNAVAILABLE : SASL_OK);
	case SASL_AFTER_TLS:
		return (SASL_NEEDS_TLS);
	default:
		return (SASL_UNKNOWN_MECH);
	}
}

void
front_preauth(struct front *f)
{
	struct msg_sasl_start	 m = { .conn = f->id, .certificate = 1 };
	int			 fds[2];

	f->preauth = 1;
	if (stream_pair(fds) == -1) {
		answer(f, SASL_UNAVAILABLE, span_of("", 0));
		return;
	}
	f->pair = fds[0];
	ask(f, M_SASL_START, &c_sasl_start, &m, fds[1]);
}

void
front_sasl_start(struct front *f, struct span mech, struct span tag,
    int has_initial, struct span initial, int login_command)
{
	struct msg_sasl_start	 m = { .conn = f->id, .mech = mech,
				    .has_initial = (uint8_t)has_initial,
				    .initial = initial, .tag = tag,
				    .login_command = (uint8_t)login_command,
				    .agent = span_str(f->agent == NULL ? "" :
				    f->agent) };
	enum sasl_outcome	 may;
	int			 fds[2] = { -1, -1 };

	free(f->tag);
	if ((f->tag = span_dup(tag)) == NULL) {
		front_bye(f, "no memory");
		return;
	}
	/* Of the command LOGIN the caller knows. */
	may = login_command ? SASL_OK : allowed(f, mech_by_name(mech));
	if (may != SASL_OK) {
		answer(f, may, span_of("", 0));
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
	    buf_add_unbase64(&data, line) == -1)
		front_sasl_malformed(f);
	else {
		m.data = span_buf(&data);
		ask(f, M_SASL_STEP, &c_sasl_step, &m, -1);
	}
	buf_freezero(&data);
}

/* Tell auth that it is over; the client hears what was wrong. */
void
front_sasl_malformed(struct front *f)
{
	struct msg_number	 gone = { f->id };

	f->state = FRONT_ASKED;
	peer_forget(authconn_peer(), peer_ask_behind(authconn_peer(), f->who,
	    M_SASL_ABORT, &c_number, &gone, -1, NULL, NULL));
	answer(f, SASL_MALFORMED, span_of("", 0));
}
