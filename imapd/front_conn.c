/*
 * What auth knows of a connection: the socket, TLS, the client's key; and what
 * comes of an auth that goes and comes again.
 */
#include <stdlib.h>
#include <string.h>

#include "authconn.h"
#include "front.h"
#include "log.h"

static int	 on_opened(void *, struct peer *, struct imsg *);
static int	 on_registered(void *, struct peer *, struct imsg *);
static int	 on_identity(void *, struct peer *, struct imsg *);
static void	 known(struct front *, const struct msg_conn_identity *);
static void	 tls_done(struct front *);

int
front_open(struct front *f)
{
	f->ask = authconn_open(f->id, io_fd(f->io), on_opened, f);
	f->counted = f->ask != 0;
	return (f->counted ? 0 : -1);
}

static int
on_opened(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_opened	 o;
	struct front		*f = arg;

	(void)p;
	f->ask = 0;
	if (m == NULL) {
		f->counted = 0;
		front_welcome(f);
		return (0);
	}
	if (imsg_get(m, &c_conn_opened, &o) == -1 || o.conn != f->id) {
		front_free(f);
		return (-1);
	}
	f->who = authconn_who(o.remote);
	if (!o.allowed) {
		f->counted = 0;
		f->unwanted = strdup(o.text.n == 0 ? "too many connections" :
		    log_esc(o.text));
		if (f->unwanted == NULL) {
			front_free(f);
			return (0);
		}
	}
	front_welcome(f);
	return (0);
}

/* ---- the handshake is done ------------------------------------------------ */

void
front_on_tls(struct front *f)
{
	struct tlsctx_facts	 facts;

	tlsctx_unref(f->ctx);
	f->ctx = NULL;
	f->tls = 1;
	io_by_line(f->io, 0);
	tlsctx_facts(f->io, &facts);
	f->binding = authconn_binding(&facts) != 0;
	if (f->counted) {
		authconn_tls(f->id, &facts);
		if (facts.has_key)
			f->ask = authconn_key(f->id, &facts, on_identity, f);
	}
	tlsctx_forget(f->io);
	if (f->ask != 0) {	/* nothing else before that is known */
		f->state = FRONT_KEY;
		io_pause(f->io);
		io_deadline(f->io, AUTHCONN_KEY_WAIT);
		return;
	}
	f->key_lost = facts.has_key;
	tls_done(f);
}

static int
on_identity(void *arg, struct peer *p, struct imsg *m)
{
	struct msg_conn_identity	 id;
	struct front			*f = arg;
	int				 rc = 0;

	(void)p;
	f->ask = 0;
	if (m == NULL) {
		f->key_lost = 1;
		tls_done(f);
		return (0);
	}
	rc = authconn_identity(m, f->id, &id);
	known(f, &id);
	return (rc);
}

static void
known(struct front *f, const struct msg_conn_identity *id)
{
	struct buf	 text = { 0 };

	if (id->identity == IDENTITY_REFUSED) {
		buf_addf(&text, "[ALERT] %s", id->text.n == 0 ?
		    "this certificate is not welcome" : log_esc(id->text));
		front_bye(f, buf_cstr(&text));
		buf_free(&text);
		return;
	}
	f->key = id->identity != IDENTITY_NONE;
	/* RFC 3501 7.1.4: a greeting; after STARTTLS there is none */
	if (id->identity == IDENTITY_PREAUTH &&
	    f->listener->tls == TLS_IMPLICIT)
		front_preauth(f);
	else
		tls_done(f);
}

void
front_key_late(struct front *f)
{
	peer_forget(authconn_peer(), f->ask);
	(void)on_identity(f, NULL, NULL);
}

static void
tls_done(struct front *f)
{
	if (f->listener->tls == TLS_IMPLICIT)
		front_greet(f);
	else
		front_ready(f);
}

/* ---- auth goes and comes -------------------------------------------------- */

/* What it counted, see M_CONN_OPEN, and whose key it was. */
void
front_forgotten(struct front *f)
{
	f->counted = 0;
	if (f->key)
		f->key_lost = 1;
	f->key = 0;
}

void
front_register(struct front *f)
{
	if (f->counted || f->ask != 0 || f->again != 0 || f->unwanted != NULL ||
	    f->state == FRONT_ENDING)
		return;
	f->again = authconn_open(f->id, io_fd(f->io), on_registered, f);
}

static int
on_registered(void *arg, struct peer *p, struct imsg *m)
{
	struct tlsctx_facts	 facts;
	struct msg_conn_opened	 o;
	struct front		*f = arg;

	(void)p;
	f->again = 0;
	if (m == NULL)
		return (0);
	if (imsg_get(m, &c_conn_opened, &o) == -1 || o.conn != f->id)
		return (-1);
	f->who = authconn_who(o.remote);
	if (o.allowed) {
		f->counted = 1;
		if (f->tls) {
			tlsctx_facts(f->io, &facts);
			authconn_tls(f->id, &facts);
		}
	} else if (f->state == FRONT_TLS)
		front_free(f);
	else if (f->state != FRONT_RELAY)	/* who is in stays */
		front_bye(f, "too many connections");
	return (0);
}
