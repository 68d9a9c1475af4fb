/*
 * The role "authd: keys": private keys live here and nowhere else.
 *
 * It opens nothing: the parent gives it the key files.  It hears from those that
 * have TLS listeners, and from relay workers, which may have a certificate to
 * show, each on a link of its own, one request at a time; a table says who may
 * use which key, and at which end of TLS.  Requests are served by rounds, one of each peer,
 * so that nobody who asks much makes others wait long.  Auth alone may ask for
 * whom a signature was made.
 */
#include <sys/queue.h>
#include <errno.h>
#include <event2/event.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "keys.h"
#include "log.h"
#include "proc.h"
#include "roles.h"
#include "tlsproof.h"

#define FORMER	60	/* seconds that keys of the former configuration stay:
			 * its handshakes have 30 */

#ifdef LIBRESSL_VERSION_NUMBER
#define SIGN	key_sign_raw
#else
#define SIGN	key_sign
#endif

struct key {
	uint8_t		 id[KEY_ID];
	unsigned	 who;		/* PEER() bits */
	char		**transports;	/* whose workers, ntransports */
	size_t		 ntransports;
	EVP_PKEY	*key;
};

struct table {
	struct key	*v;
	size_t		 n;
};

struct asker {			/* a peer, and what it waits for */
	TAILQ_ENTRY(asker)	 entry;
	struct peer		*peer;
	char			*transport;	/* of a relay */
	int			 waiting;
	uint32_t		 request;
	struct buf		 body;		/* msg_sign */
};

static int	 on_sign(struct peer *, struct imsg *);
static int	 on_claim(struct peer *, struct imsg *);
static void	 remember(const struct peer *, struct span, struct span);
static void	 on_round(evutil_socket_t, short, void *);
static void	 on_forget(evutil_socket_t, short, void *);
static void	 serve(struct asker *);
static int	 may_use(const struct key *, const struct asker *);
static EVP_PKEY	*find(const struct table *, const uint8_t *,
		    const struct asker *);
static int	 users_of(const struct conf *, size_t, struct key *);
static void	 drop(struct table *);
static int	 load(const struct conf *, struct table *, struct buf *);

static struct table			 now, next, former;
static TAILQ_HEAD(, asker)		 queue = TAILQ_HEAD_INITIALIZER(queue);
static struct event			*round_ev, *forget_ev;

/* ---- requests ----------------------------------------------------------- */

static int
may_use(const struct key *k, const struct asker *a)
{
	enum role	 role = peer_role(a->peer);
	size_t		 i;

	if (role != ROLE_RELAY)
		return ((k->who & PEER(role)) != 0);
	for (i = 0; i < k->ntransports && a->transport != NULL; i++)
		if (strcasecmp(k->transports[i], a->transport) == 0)
			return (1);
	return (0);
}

static EVP_PKEY *
find(const struct table *t, const uint8_t *id, const struct asker *a)
{
	size_t	 i;

	for (i = 0; i < t->n; i++)
		if (memcmp(t->v[i].id, id, KEY_ID) == 0 &&
		    may_use(&t->v[i], a))
			return (t->v[i].key);
	return (NULL);
}

static int
on_sign(struct peer *p, struct imsg *m)
{
	struct asker	*a = peer_arg(p);
	struct msg_sign	 s;

	if (a == NULL || a->waiting) {
		errno = EBADMSG;	/* it has to wait for its answer */
		return (-1);
	}
	buf_reset(&a->body);
	if (buf_add_span(&a->body, m->data) == -1 ||
	    imsg_get(m, &c_sign, &s) == -1)
		return (-1);
	a->waiting = 1;
	a->request = m->id;
	TAILQ_INSERT_TAIL(&queue, a, entry);
	event_active(round_ev, EV_TIMEOUT, 0);
	return (0);
}

static void
remember(const struct peer *p, struct span text, struct span sig)
{
	uint8_t	 digest[32];

	if (tlsproof_claim(text, sig, digest) == 0)
		seen_add(digest, peer_role(p), peer_instance(p),
		    proc_now_ms());
}

/* auth found a signature in a recorded handshake of that process. */
static int
on_claim(struct peer *p, struct imsg *m)
{
	struct msg_key_claim	 c;
	struct msg_result	 r = { .result = RESULT_NO };

	if (imsg_get(m, &c_key_claim, &c) == -1)
		return (-1);
	if (c.role < ROLE_COUNT && seen_claim(c.digest, (enum role)c.role,
	    c.instance, proc_now_ms()))
		r.result = RESULT_OK;
	(void)peer_reply(p, M_KEY_CLAIM, m->id, &c_result, &r, -1);
	return (0);
}

static void
serve(struct asker *a)
{
	struct msg_signature	 r = { .result = RESULT_NO };
	struct msg_sign		 m;
	struct buf		 sig = { .max = KEY_SIG_MAX };
	struct span		 body = span_buf(&a->body);
	enum key_end		 end;
	EVP_PKEY		*key;

	a->waiting = 0;
	if (codec_get(&body, &c_sign, &m) == -1)
		return;		/* it was looked at when it came */
	end = peer_role(a->peer) == ROLE_RELAY ? KEY_CLIENT : KEY_SERVER;
	if ((key = find(&now, m.key, a)) == NULL)
		key = find(&former, m.key, a);
	if (key == NULL)
		log_warn("%s asks for a key that it may not use",
		    peer_name(a->peer));
	else if (SIGN(key, end, &m, &sig) == 0) {
		r.result = RESULT_OK;
		r.signature = span_buf(&sig);
		if (end == KEY_SERVER)
			remember(a->peer, m.data, r.signature);
	} else if (errno == EINVAL)
		log_warn("%s asks to sign what no TLS %s signs",
		    peer_name(a->peer), end == KEY_SERVER ? "server" :
		    "client");
	else
		log_error("a signature failed");
	(void)peer_reply(a->peer, M_SIGN, a->request, &c_signature, &r, -1);
	buf_free(&sig);
}

/* Those that wait now; who asks again meanwhile is in the next round. */
static void
on_round(evutil_socket_t fd, short what, void *arg)
{
	TAILQ_HEAD(, asker)	 turn = TAILQ_HEAD_INITIALIZER(turn);
	struct asker		*a;

	(void)fd;
	(void)what;
	(void)arg;
	TAILQ_CONCAT(&turn, &queue, entry);
	while ((a = TAILQ_FIRST(&turn)) != NULL) {
		TAILQ_REMOVE(&turn, a, entry);
		serve(a);
	}
}

static void
keys_link_up(struct peer *p)
{
	struct asker	*a;
	char		*transport = peer_arg(p);

	peer_set_arg(p, NULL);
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		free(transport);
		return;
	}
	a->peer = p;
	a->transport = transport;
	peer_set_arg(p, a);
}

static void
keys_link_down(struct peer *p)
{
	struct asker	*a = peer_arg(p);

	if (a == NULL)
		return;
	if (a->waiting)
		TAILQ_REMOVE(&queue, a, entry);
	buf_free(&a->body);
	free(a->transport);
	free(a);
	peer_set_arg(p, NULL);
}

/* ---- keys --------------------------------------------------------------- */

static void
drop(struct table *t)
{
	struct key	*k;
	size_t		 i, n;

	for (n = 0; n < t->n; n++) {
		k = &t->v[n];
		for (i = 0; i < k->ntransports; i++)
			free(k->transports[i]);
		free(k->transports);
		EVP_PKEY_free(k->key);
	}
	free(t->v);
	memset(t, 0, sizeof(*t));
}

/* A listener's key is for the processes that serve it, a transport's for its
 * own worker. */
static int
users_of(const struct conf *c, size_t cert, struct key *k)
{
	const struct conf_cert	*its = (struct conf_cert *)c->certs.v + cert;

	CONF_EACH(struct conf_listener, l, &c->listeners)
		CONF_EACH(uint32_t, i, &l->certs)
			if (*i == cert && l->tls != TLS_OFF)
				k->who |= PEER(l->kind == KIND_IMAP ?
				    ROLE_FRONT : ROLE_SMTPD);
	if ((k->transports = calloc(c->transports.n + 1,
	    sizeof(*k->transports))) == NULL)
		return (-1);
	CONF_EACH(struct conf_transport, t, &c->transports) {
		if (strcasecmp(t->certificate, its->name) != 0)
			continue;
		if ((k->transports[k->ntransports] = strdup(t->name)) == NULL)
			return (-1);
		k->ntransports++;
	}
	return (0);
}

static int
load(const struct conf *c, struct table *t, struct buf *why)
{
	struct key	*k;
	size_t		 i = 0;

	memset(t, 0, sizeof(*t));
	if ((t->v = calloc(c->certs.n + 1, sizeof(*t->v))) == NULL) {
		buf_adds(why, "no memory");
		return (-1);
	}
	CONF_EACH(struct conf_cert, cert, &c->certs) {
		k = &t->v[t->n];
		memcpy(k->id, cert->key, sizeof(k->id));
		t->n++;
		if (users_of(c, i, k) == -1)
			buf_adds(why, "no memory");
		else if (proc_keyfile(i) == -1)
			buf_addf(why, "%s: cannot be opened any more",
			    cert->keyfile);
		else
			k->key = key_load(proc_keyfile(i), cert->keyfile,
			    cert->key, why);
		if (k->key == NULL) {
			drop(t);
			return (-1);
		}
		i++;
	}
	return (0);
}

static void
on_forget(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	drop(&former);
}

static int
keys_open(void)
{
	struct buf	 why = { 0 };
	int		 rc;

	round_ev = event_new(proc_base(), -1, 0, on_round, NULL);
	forget_ev = event_new(proc_base(), -1, 0, on_forget, NULL);
	if (round_ev == NULL || forget_ev == NULL ||
	    OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1)
		return (-1);
	if ((rc = load(proc_conf(), &now, &why)) == -1)
		log_error("%s", buf_cstr(&why));
	buf_free(&why);
	return (rc);
}

static int
keys_prepare(const struct conf *c, struct buf *why)
{
	drop(&next);
	return (load(c, &next, why));
}

static void
keys_commit(void)
{
	static const struct timeval	 delay = { FORMER, 0 };

	drop(&former);
	former = now;
	now = next;
	memset(&next, 0, sizeof(next));
	event_add(forget_ev, &delay);
}

static void
keys_cancel(void)
{
	drop(&next);
}

static const struct msg_rule rules[] = {
	{ M_SIGN, PEER(ROLE_SMTPD) | PEER(ROLE_FRONT) | PEER(ROLE_RELAY),
	    MSG_BODY, on_sign },
	{ M_KEY_CLAIM, PEER(ROLE_AUTH), MSG_BODY, on_claim },
};

const struct role_ops keys_ops = {
	.role = ROLE_KEYS,
	.rules = rules,
	.nrules = nitems(rules),
	.open = keys_open,
	.link_up = keys_link_up,
	.link_down = keys_link_down,
	.prepare = keys_prepare,
	.commit = keys_commit,
	.cancel = keys_cancel,
};
