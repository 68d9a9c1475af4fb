/*
 * IMAP up to login: accept, TLS, greeting, the few commands that exist before
 * login (RFC 3501 section 6.1 and 6.2).  It holds no file, no key and no mail;
 * after login a clear-text socket is the store's, a TLS one is relayed.
 */
#include <sys/socket.h>
#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authconn.h"
#include "doors.h"
#include "front.h"
#include "imapcap.h"
#include "log.h"
#include "offer.h"
#include "parse/cursor.h"
#include "proc.h"

#define AWAY_MAX	1000	/* connections while auth is away */
#define AGENT_MAX	200	/* octets of a client's name and version */
#define TLS_TIMEOUT	30	/* seconds for a handshake */

static void	 on_gone(evutil_socket_t, short, void *);
static void	 all_gone(void);
static void	 admit(int, const struct sockaddr_storage *,
		    const struct conf_listener *, struct tlsctx *);
static void	 on_io(struct io *, enum io_event, void *);
static void	 timed_out(struct front *);
static void	 read_commands(struct front *);
static void	 response(struct front *);
static int	 command(struct front *);
static int	 bad(struct front *, const char *);
static int	 spent(struct front *);
static int	 front_prepare(const struct conf *, struct buf *);
static void	 front_commit(void);

static struct front	*all;
static size_t		 nfronts;
static uint64_t		 next_id;
static int		 stopping;

static const struct lex_limits	 limits = { FRONT_LINE, FRONT_LITERAL,
    FRONT_LITERALS, FRONT_COUNT };

/* ---- connections ------------------------------------------------------ */

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	proc_exit(0);
}

/* The last one, in a stop: its last words are still on their way out. */
static void
all_gone(void)
{
	static const struct timeval	 soon = { 0, 100000 };

	if (event_base_once(proc_base(), -1, EV_TIMEOUT, on_gone, NULL,
	    &soon) == -1)
		proc_exit(0);
}

void
front_free(struct front *f)
{
	if (f->busy) {		/* its own command ended it */
		f->dead = 1;
		return;
	}
	if (f->ask != 0)
		peer_forget(authconn_peer(), f->ask);
	if (f->again != 0)
		peer_forget(authconn_peer(), f->again);
	if (f->counted || f->again != 0)
		authconn_closed(f->id);
	io_free(f->io);
	io_free(f->store);
	front_drop_pair(f);
	tlsctx_unref(f->ctx);
	lex_free(&f->lex);
	free(f->tag);
	free(f->agent);
	free(f->unwanted);
	if (f->next != NULL)
		f->next->prev = f->prev;
	if (f->prev != NULL)
		f->prev->next = f->next;
	else
		all = f->next;
	nfronts--;
	free(f);
	if (stopping && all == NULL)
		all_gone();
}

/* The session that its descriptor was for did not come about. */
void
front_drop_pair(struct front *f)
{
	if (f->pair != -1)
		close(f->pair);
	f->pair = -1;
}

/* The last words, then gone; none where only TLS is understood. */
void
front_bye(struct front *f, const char *text)
{
	if (f->listener->tls == TLS_IMPLICIT && !f->tls) {
		front_free(f);
		return;
	}
	io_printf(f->io, "* BYE %s\r\n", text);
	io_finish(f->io);
	f->io = NULL;
	front_free(f);
}

void
front_tagged(struct front *f, struct span tag, const char *fmt, ...)
{
	struct buf	*out = io_out(f->io);
	va_list		 ap;

	if (tag.n == 0)
		buf_addc(out, '*');
	else
		buf_add_span(out, tag);
	buf_addc(out, ' ');
	va_start(ap, fmt);
	buf_addv(out, fmt, ap);
	va_end(ap);
	io_write(f->io, "\r\n", 2);
}

void
front_deadline(struct front *f)
{
	uint64_t	 gone = (proc_now_ms() - f->since) / 1000,
			 all_of_it = f->listener->limits.login_timeout;

	io_deadline(f->io, gone < all_of_it ? (unsigned)(all_of_it - gone) : 1);
}

void
front_ready(struct front *f)
{
	f->state = FRONT_COMMAND;
	front_deadline(f);
	io_resume(f->io);
}

/* The command LOGIN is as good as either mechanism. */
static int
may_login(const struct front *f)
{
	return (offered(f->listener, front_has(f), MECH_PLAIN) ||
	    offered(f->listener, front_has(f), MECH_LOGIN));
}

/* Capabilities that are switched off for whoever comes in here. */
static uint64_t
lacks(const struct front *f)
{
	return (conf_no_caps(proc_conf(), f->listener, span_str("")));
}

void
front_capability(const struct front *f, struct buf *b)
{
	unsigned	 has = front_has(f);
	int		 m;

	buf_adds(b, "CAPABILITY IMAP4rev1");
	imapcap_write(b, IMAPCAP_BEFORE, lacks(f));
	if (!f->tls && f->listener->tls != TLS_OFF)
		buf_adds(b, " STARTTLS");
	for (m = 0; m < MECH_COUNT; m++)
		if (offered(f->listener, has, (enum mech)m))
			buf_addf(b, " AUTH=%s", mech_names[m]);
	if (!may_login(f))
		buf_adds(b, " LOGINDISABLED");
}

static void
admit(int fd, const struct sockaddr_storage *from,
    const struct conf_listener *l, struct tlsctx *ctx)
{
	struct front	*f;

	(void)from;		/* auth asks the socket */
	if ((f = calloc(1, sizeof(*f))) == NULL) {
		close(fd);
		return;
	}
	f->id = ++next_id;
	f->since = proc_now_ms();
	f->pair = -1;
	f->listener = l;
	lex_init(&f->lex, &limits);
	if ((f->io = io_new(proc_base(), fd, on_io, f)) == NULL) {
		free(f);
		return;
	}
	f->ctx = tlsctx_ref(ctx);	/* whatever is reloaded meanwhile */
	io_pause(f->io);
	io_by_line(f->io, 1);
	io_inmax(f->io, FRONT_LINE);
	io_lowat(f->io, FRONT_OUT / 2);
	io_deadline(f->io, FRONT_PATIENCE);
	f->next = all;
	if (all != NULL)
		all->prev = f;
	all = f;
	nfronts++;
	if (front_open(f) == 0)
		return;
	/* auth is away: logins will hear so, up to a number */
	if (nfronts > AWAY_MAX)
		front_bye(f, "try again later");
	else
		front_welcome(f);
}

void
front_welcome(struct front *f)
{
	if (f->listener->tls != TLS_IMPLICIT) {
		front_greet(f);
		return;
	}
	f->state = FRONT_TLS;
	io_deadline(f->io, TLS_TIMEOUT);
	if (f->ctx == NULL || io_tls_server(f->io, f->ctx) == -1)
		front_free(f);
}

void
front_greet(struct front *f)
{
	struct buf	 cap = { 0 };

	if (f->unwanted != NULL) {	/* in TLS too, so that it is read */
		front_bye(f, f->unwanted);
		return;
	}
	front_capability(f, &cap);
	front_tagged(f, span_of("", 0), "OK [%s] %s Letterlock ready",
	    buf_cstr(&cap), f->listener->hostname);
	buf_free(&cap);
	front_ready(f);
}

static void
timed_out(struct front *f)
{
	switch (f->state) {
	case FRONT_DELAYED:
		front_sasl_refuse(f);
		break;
	case FRONT_TLS:
		front_free(f);
		break;
	case FRONT_KEY:
		front_key_late(f);
		break;
	default:
		front_bye(f, "too slow");
	}
}

static void
on_io(struct io *io, enum io_event what, void *arg)
{
	struct front	*f = arg;

	(void)io;
	switch (what) {
	case IO_DATA:
		read_commands(f);
		break;
	case IO_TLS:
		front_on_tls(f);
		break;
	case IO_TIMEOUT:
		timed_out(f);
		break;
	case IO_LOWAT:
		if (f->state == FRONT_COMMAND)
			io_resume(f->io);
		break;
	default:
		if (what == IO_ERROR && f->state == FRONT_TLS)
			log_debug("conn %llu: TLS: %s",
			    (unsigned long long)f->id, io_error(f->io));
		front_free(f);
	}
}

/* ---- commands ---------------------------------------------------------- */

/* Everything that is there, until something has to be waited for. */
static void
read_commands(struct front *f)
{
	struct span	 in;
	size_t		 was;

	while (f->state == FRONT_COMMAND) {
		if (io_outlen(f->io) > FRONT_OUT) {
			io_pause(f->io);	/* until IO_LOWAT */
			return;
		}
		in = io_in(f->io);
		was = in.n;
		switch (lex_step(&f->lex, &in)) {
		case LEX_CONTINUE:
			io_drain(f->io, was - in.n);
			io_printf(f->io, "+ OK\r\n");
			break;
		case LEX_COMMAND:
			io_drain(f->io, was - in.n);
			if (spent(f) == -1 || command(f) == -1)
				return;
			break;
		case LEX_BAD:
			io_drain(f->io, was - in.n);
			if (bad(f, f->lex.refused) == -1)
				return;
			break;
		default:
			io_drain(f->io, was - in.n);
			return;
		}
	}
	if (f->state == FRONT_CHALLENGED)
		response(f);
}

/* A line of a SASL exchange; one that is too long is passed over to its end. */
static void
response(struct front *f)
{
	struct span	 in = io_in(f->io), line;
	struct buf	 keep = { 0 };

	if (span_split(&in, '\n', &line) == 0) {
		if (line.n >= FRONT_LINE)
			f->overlong = 1;
		if (f->overlong)
			io_drain(f->io, line.n);
		return;
	}
	if (f->overlong) {
		f->overlong = 0;
		io_drain(f->io, line.n + 1);
		front_sasl_malformed(f);
		return;
	}
	buf_add_span(&keep, line);
	io_drain(f->io, line.n + 1);
	line = span_buf(&keep);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	front_sasl_response(f, line);
	buf_freezero(&keep);
}

/* So many commands, and none of them a login that was right: -1. */
static int
spent(struct front *f)
{
	if (++f->commands <= FRONT_COMMANDS)
		return (0);
	front_bye(f, "too many commands without a login");
	return (-1);
}

/* What is no command, answered; after a few of them it is no client: -1. */
static int
bad(struct front *f, const char *why)
{
	struct buf	 scratch = { 0 };
	struct cursor	 c;
	struct span	 tag;

	if (f->lex.lost) {
		front_bye(f, why);
		return (-1);
	}
	if (++f->bad >= FRONT_BAD) {
		front_bye(f, "too many bad commands");
		return (-1);
	}
	cursor_init(&c, &f->lex, &scratch, 0);
	if (cur_tag(&c, &tag) == -1)
		tag = span_of("", 0);
	front_tagged(f, tag, "BAD %s", why);
	buf_free(&scratch);
	lex_next(&f->lex);
	return (0);
}

static int
cmd_capability(struct front *f, struct span tag, struct cursor *c)
{
	struct buf	 cap = { 0 };

	if (cur_end(c) == -1)
		return (-1);
	front_capability(f, &cap);
	front_tagged(f, span_of("", 0), "%s", buf_cstr(&cap));
	buf_free(&cap);
	front_tagged(f, tag, "OK done");
	return (0);
}

static int
cmd_noop(struct front *f, struct span tag, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (-1);
	front_tagged(f, tag, "OK done");
	return (0);
}

static int
cmd_logout(struct front *f, struct span tag, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (-1);
	io_printf(f->io, "* BYE until next time\r\n");
	front_tagged(f, tag, "OK done");
	f->state = FRONT_ENDING;
	return (0);
}

/* ID, RFC 2971: taken, bounded, not believed; a name for the log of logins. */
static int
cmd_id(struct front *f, struct span tag, struct cursor *c)
{
	struct span	 s, field = span_of("", 0);
	struct buf	 agent = { .max = AGENT_MAX };
	int		 nil, n;

	if (cur_sp(c) == -1)
		return (-1);
	if (cur_peek(c) == '(') {
		(void)cur_char(c, '(');
		for (n = 0; cur_peek(c) != ')'; n++)
			if (n == 60 || (n > 0 && cur_sp(c) == -1) ||
			    cur_nstring(c, &s, &nil) == -1) {
				buf_free(&agent);
				return (-1);
			} else if (n % 2 == 0)
				field = s;
			else if (!nil && (span_caseeqs(field, "name") ||
			    span_caseeqs(field, "version")))
				buf_addf(&agent, "%s%s", agent.n > 0 ? " " :
				    "", log_esc(s));
		(void)cur_char(c, ')');
	} else if (cur_is(c, "NIL") == -1)
		return (-1);
	if (cur_end(c) == -1) {
		buf_free(&agent);
		return (-1);
	}
	free(f->agent);
	f->agent = agent.n == 0 || buf_failed(&agent) ? NULL :
	    span_dup(span_buf(&agent));
	buf_free(&agent);
	front_tagged(f, span_of("", 0), "ID (\"name\" \"Letterlock\")");
	front_tagged(f, tag, "OK done");
	return (0);
}

static int
cmd_starttls(struct front *f, struct span tag, struct cursor *c)
{
	if (cur_end(c) == -1)
		return (-1);
	if (f->tls || f->ctx == NULL) {
		front_tagged(f, tag, "BAD %s", f->tls ? "TLS is active" :
		    "no TLS here");
		return (0);
	}
	front_tagged(f, tag, "OK begin TLS");
	f->state = FRONT_TLS;
	io_deadline(f->io, TLS_TIMEOUT);
	if (io_tls_server(f->io, f->ctx) == -1) {
		log_warn("conn %llu: octets behind STARTTLS: closed",
		    (unsigned long long)f->id);
		f->state = FRONT_ENDING;
	}
	return (0);
}

static int
cmd_login(struct front *f, struct span tag, struct cursor *c)
{
	struct buf	 both = { .max = MSG_SASL_MAX };
	struct span	 user, pass;

	if (cur_sp(c) == -1 || cur_astring(c, &user) == -1 ||
	    cur_sp(c) == -1 || cur_astring(c, &pass) == -1 || cur_end(c) == -1)
		return (-1);
	if (!may_login(f)) {
		front_tagged(f, tag, f->tls ? "NO LOGIN is off here" :
		    "NO [PRIVACYREQUIRED] TLS first");
		return (0);
	}
	buf_add_span(&both, user);
	buf_addc(&both, '\0');
	buf_add_span(&both, pass);
	front_sasl_start(f, span_str("PLAIN"), tag, 1, span_buf(&both), 1);
	buf_freezero(&both);
	return (0);
}

/* AUTHENTICATE mechanism [initial response], RFC 4959 */
static int
cmd_authenticate(struct front *f, struct span tag, struct cursor *c)
{
	struct buf	 initial = { .max = MSG_SASL_MAX };
	struct span	 mech;
	int		 has = 0;

	if (cur_sp(c) == -1 || cur_atom(c, &mech) == -1)
		return (-1);
	if (cur_peek(c) == ' ') {
		/* some write two, or one behind it */
		while (cur_peek(c) == ' ')
			(void)cur_sp(c);
		while (c->s.n > 0 && c->s.p[c->s.n - 1] == ' ')
			c->s.n--;
		has = 1;
		if (!span_eqs(c->s, "=") &&
		    buf_add_unbase64(&initial, c->s) == -1) {
			buf_freezero(&initial);
			c->error = "malformed base64";
			return (-1);
		}
		c->s.n = 0;
	}
	if (cur_end(c) == 0)
		front_sasl_start(f, mech, tag, has, span_buf(&initial), 0);
	buf_freezero(&initial);
	return (c->s.n == 0 ? 0 : -1);
}

static const struct {
	const char	*name;
	int		(*run)(struct front *, struct span, struct cursor *);
} commands[] = {
	{ "AUTHENTICATE",	cmd_authenticate },
	{ "CAPABILITY",		cmd_capability },
	{ "ID",			cmd_id },
	{ "LOGIN",		cmd_login },
	{ "LOGOUT",		cmd_logout },
	{ "NOOP",		cmd_noop },
	{ "STARTTLS",		cmd_starttls },
};

/* A whole command is in the lexer.  -1 when the connection is over. */
static int
command(struct front *f)
{
	struct cursor	 c;
	struct span	 tag, word;
	struct buf	 scratch = { 0 };
	size_t		 i = nitems(commands);
	int		 rc = -1;

	cursor_init(&c, &f->lex, &scratch, 0);
	if (cur_tag(&c, &tag) == 0 && cur_sp(&c) == 0 &&
	    cur_word(&c, &word) == 0)
		for (i = 0; i < nitems(commands); i++)
			if (span_caseeqs(word, commands[i].name) &&
			    !imapcap_no_command(lacks(f), word))
				break;
	f->busy = 1;
	if (i < nitems(commands))
		rc = commands[i].run(f, tag, &c);
	else if (c.error[0] == '\0')
		c.error = "no such command before login";
	f->busy = 0;
	buf_freezero(&scratch);
	if (f->dead) {
		front_free(f);
		return (-1);
	}
	if (rc == -1)
		return (bad(f, c.error));
	lex_next(&f->lex);
	if (f->state != FRONT_ENDING)
		return (0);
	io_finish(f->io);
	f->io = NULL;
	front_free(f);
	return (-1);
}

/* ---- the role ----------------------------------------------------------- */

static int
front_prepare(const struct conf *conf, struct buf *why)
{
	return (doors_prepare(conf, 1u << KIND_IMAP, why));
}

static void
front_commit(void)
{
	doors_open(admit);
}

static int
role_open(void)
{
	struct buf	 why = { 0 };
	int		 rc = front_prepare(proc_conf(), &why);

	if (rc == -1)
		log_error("%s", buf_cstr(&why));
	buf_free(&why);
	return (rc);
}

static int
front_start(void)
{
	front_commit();
	return (0);
}

/* No new connections; those there are told, unless they are in the middle of
 * something. */
static void
front_stop(void)
{
	struct front	*f, *next;

	stopping = 1;
	doors_close();
	for (f = all; f != NULL; f = next) {
		next = f->next;
		if (f->state == FRONT_RELAY)
			front_relay_end(f, "shutting down");
		else if (f->state == FRONT_TLS)
			front_free(f);
		else
			front_bye(f, "shutting down");
	}
	if (all == NULL)
		all_gone();
}

static void
front_link_down(struct peer *p)
{
	struct front	*f;

	if (peer_role(p) == ROLE_AUTH)
		for (f = all; f != NULL; f = f->next)
			front_forgotten(f);
}

/* It is there again, and knows nothing of those who wait to log in. */
static void
front_link_up(struct peer *p)
{
	struct front	*f;

	if (peer_role(p) == ROLE_AUTH)
		for (f = all; f != NULL; f = f->next)
			front_register(f);
}

const struct role_ops front_ops = {
	.role = ROLE_FRONT,
	.open = role_open,
	.start = front_start,
	.link_up = front_link_up,
	.link_down = front_link_down,
	.prepare = front_prepare,
	.commit = front_commit,
	.cancel = doors_cancel,
	.stop = front_stop,
};
