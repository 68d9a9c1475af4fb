/*
 * The client's side of a SCRAM exchange.  Believes no server before it saw a
 * signature that takes the password's ServerKey, and bounds what a server can
 * make it compute.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "precis.h"
#include "scram_int.h"

enum state { C_START, C_FIRST, C_WORK, C_WORKED, C_FINAL, C_OVER };

struct scram_client {
	enum state	 state;
	enum scram_hash	 hash;
	char		 ours[SCRAM_OURS_TEXT];
	struct buf	 user, authzid, password;
	struct buf	 gs2;		/* header, then channel binding data */
	size_t		 header;	/* octets of it that are the header */
	struct buf	 nonce;		/* ours and theirs */
	struct buf	 auth;		/* AuthMessage, as it grows */
	struct buf	 out;
	uint8_t		 salt[SCRAM_SALT_MAX];
	size_t		 saltlen;
	uint32_t	 iterations;
	int		 worked;	/* of scram_client_work() */
	uint8_t		 stored[SCRAM_KEY_MAX];
	uint8_t		 server[SCRAM_KEY_MAX];
	uint8_t		 client[SCRAM_KEY_MAX];
	enum scram_why	 why;
	char		 error[128];
};

static enum scram_status stop(struct scram_client *, enum scram_status,
		    enum scram_why, const char *);
static enum scram_status malformed(struct scram_client *, const char *);
static enum scram_status server_error(struct scram_client *, struct span);
static int		 prepare(struct scram_client *, struct span user,
		    struct span authzid, struct span password);
static int		 header(struct scram_client *, int plus, int missed,
		    const struct scram_bindings *);
static enum scram_status client_first(struct scram_client *);
static enum scram_status server_first(struct scram_client *, struct span);
static enum scram_status client_final(struct scram_client *);
static enum scram_status server_final(struct scram_client *, struct span);

/* Names to NFC, password to OpaqueString or as it is. */
static int
prepare(struct scram_client *c, struct span user, struct span authzid,
    struct span password)
{
	enum precis	 rc;

	rc = precis_name(&c->user, user);
	if (rc == PRECIS_OK && authzid.n != 0)
		rc = precis_name(&c->authzid, authzid);
	if (rc == PRECIS_OK) {
		if (password.n > PRECIS_PASSWORD_MAX)
			rc = PRECIS_LONG;
		else if ((rc = precis_password(&c->password, password)) !=
		    PRECIS_OK && rc != PRECIS_NOMEM)
			rc = buf_add_span(&c->password, password) == -1 ?
			    PRECIS_NOMEM : PRECIS_OK;
	}
	if (rc != PRECIS_OK)
		errno = rc == PRECIS_NOMEM ? ENOMEM : EINVAL;
	return (rc == PRECIS_OK ? 0 : -1);
}

/* gs2-header and behind it the channel binding data: what "c=" will carry. */
static int
header(struct scram_client *c, int plus, int missed,
    const struct scram_bindings *b)
{
	size_t	 i = 0;

	if (plus) {
		while (b != NULL && i < SCRAM_BINDINGS && b->data[i].n == 0)
			i++;
		if (b == NULL || i == SCRAM_BINDINGS || missed) {
			errno = EINVAL;
			return (-1);
		}
		buf_addf(&c->gs2, "p=%s,", scram_binding_names[i]);
	} else
		buf_adds(&c->gs2, missed ? "y," : "n,");
	if (c->authzid.n != 0) {
		buf_adds(&c->gs2, "a=");
		(void)scram_escape(&c->gs2, span_buf(&c->authzid));
	}
	buf_addc(&c->gs2, ',');
	c->header = c->gs2.n;
	if (plus)
		buf_add_span(&c->gs2, b->data[i]);
	return (buf_failed(&c->gs2) ? -1 : 0);
}

struct scram_client *
scram_client_new(enum scram_hash hash, struct span user, struct span authzid,
    struct span password, int plus, int missed, const struct scram_bindings *b)
{
	struct scram_client	*c;
	int			 err;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	c->hash = hash;
	strcpy(c->error, "nothing wrong");
	if (scram_random_nonce(c->ours, sizeof(c->ours)) == -1 ||
	    prepare(c, user, authzid, password) == -1 ||
	    header(c, plus, missed, b) == -1) {
		err = errno;
		scram_client_free(c);
		errno = err;
		return (NULL);
	}
	return (c);
}

void
scram_client_free(struct scram_client *c)
{
	if (c == NULL)
		return;
	buf_freezero(&c->user);
	buf_freezero(&c->authzid);
	buf_freezero(&c->password);
	buf_freezero(&c->gs2);
	buf_freezero(&c->nonce);
	buf_freezero(&c->auth);
	buf_freezero(&c->out);
	explicit_bzero(c, sizeof(*c));
	free(c);
}

int
scram_client_set_nonce(struct scram_client *c, const char *nonce)
{
	if (c->state != C_START || strlen(nonce) >= sizeof(c->ours) ||
	    *nonce == '\0' || !scram_nonce_valid(span_str(nonce))) {
		errno = EINVAL;
		return (-1);
	}
	strcpy(c->ours, nonce);
	return (0);
}

enum scram_why
scram_client_why(const struct scram_client *c)
{
	return (c->why);
}

const char *
scram_client_error(const struct scram_client *c)
{
	return (c->error);
}

static enum scram_status
stop(struct scram_client *c, enum scram_status st, enum scram_why why,
    const char *text)
{
	buf_reset(&c->out);
	c->state = C_OVER;
	buf_freezero(&c->password);
	explicit_bzero(c->stored, sizeof(c->stored));
	explicit_bzero(c->server, sizeof(c->server));
	explicit_bzero(c->client, sizeof(c->client));
	c->why = why;
	if (text != NULL)
		strcpy(c->error, text);
	return (st);
}

static enum scram_status
malformed(struct scram_client *c, const char *text)
{
	return (stop(c, SCRAM_ERROR, SCRAM_WHY_SYNTAX, text));
}

/* "e=": what the server calls it, if that is safe to repeat. */
static enum scram_status
server_error(struct scram_client *c, struct span value)
{
	size_t	 i;

	for (i = 0; i < value.n && value.p[i] >= 0x20 && value.p[i] < 0x7f;)
		i++;
	(void)stop(c, SCRAM_FAIL, SCRAM_WHY_SERVER, NULL);
	if (i != value.n || i == 0 || i > 64)
		strcpy(c->error, "server refused");
	else
		snprintf(c->error, sizeof(c->error), "server refused: %.*s",
		    (int)i, (const char *)value.p);
	return (SCRAM_FAIL);
}

static enum scram_status
client_first(struct scram_client *c)
{
	buf_adds(&c->auth, "n=");
	(void)scram_escape(&c->auth, span_buf(&c->user));
	buf_addf(&c->auth, ",r=%s", c->ours);
	buf_add(&c->out, c->gs2.p, c->header);
	buf_add_span(&c->out, span_buf(&c->auth));
	if (buf_failed(&c->auth) || buf_failed(&c->out))
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	c->state = C_FIRST;
	return (SCRAM_MORE);
}

/* server-first-message: nonce "," salt "," iteration-count ["," extensions] */
static enum scram_status
server_first(struct scram_client *c, struct span in)
{
	struct span	 all = in, v, nonce, s, i;
	struct buf	 salt;
	size_t		 n = strlen(c->ours);
	int		 bad;

	if (in.n > SCRAM_MSG_MAX)
		return (malformed(c, "server-first-message too long"));
	if (scram_attr(&in, 'e', &v) == 0)
		return (server_error(c, v));
	if (scram_attr(&in, 'r', &nonce) == -1 || scram_comma(&in) == -1 ||
	    scram_attr(&in, 's', &s) == -1 || scram_comma(&in) == -1 ||
	    scram_attr(&in, 'i', &i) == -1 ||
	    scram_extensions(&in) != SCRAM_WHY_NONE || in.n != 0)
		return (malformed(c,
		    "malformed server-first-message (RFC 5802 7)"));
	if (!scram_nonce_valid(nonce) || nonce.n < n + SCRAM_NONCE_MIN ||
	    memcmp(nonce.p, c->ours, n) != 0)
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_NONCE,
		    "server's nonce is not ours and enough of its own "
		    "(RFC 5802 5.1)"));
	if (scram_number(i, SCRAM_ITERATIONS_MAX, &c->iterations) == -1 ||
	    c->iterations < SCRAM_ITERATIONS_MIN)
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_ITERATIONS,
		    "iteration count out of bounds (RFC 7677 4)"));
	buf_init(&salt, SCRAM_MSG_MAX);
	bad = buf_add_unbase64(&salt, s) == -1 || salt.n < SCRAM_SALT_MIN ||
	    salt.n > SCRAM_SALT_MAX;
	if (!bad) {
		memcpy(c->salt, salt.p, salt.n);
		c->saltlen = salt.n;
	}
	buf_free(&salt);
	if (bad)
		return (malformed(c, "salt malformed, too short or too long"));
	buf_addc(&c->auth, ',');
	buf_add_span(&c->auth, all);
	buf_add_span(&c->nonce, nonce);
	if (buf_failed(&c->auth) || buf_failed(&c->nonce))
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	buf_reset(&c->out);
	c->state = C_WORK;
	return (SCRAM_WORK);
}

void
scram_client_work(struct scram_client *c)
{
	uint8_t	 salted[SCRAM_KEY_MAX];

	if (c->state != C_WORK)
		return;
	c->worked = scram_salted(c->hash, span_buf(&c->password),
	    span_of(c->salt, c->saltlen), c->iterations, salted) == 0 &&
	    scram_keys(c->hash, salted, c->stored, c->server, c->client) == 0;
	explicit_bzero(salted, sizeof(salted));
	buf_freezero(&c->password);
	c->state = C_WORKED;
}

/* client-final-message: channel-binding "," nonce "," proof */
static enum scram_status
client_final(struct scram_client *c)
{
	uint8_t	 sig[SCRAM_KEY_MAX];
	size_t	 i, n = scram_key_size(c->hash);

	if (!c->worked)
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	buf_adds(&c->out, "c=");
	buf_add_base64(&c->out, span_buf(&c->gs2));
	buf_adds(&c->out, ",r=");
	buf_add_span(&c->out, span_buf(&c->nonce));
	buf_addc(&c->auth, ',');
	buf_add_span(&c->auth, span_buf(&c->out));
	if (buf_failed(&c->auth) || buf_failed(&c->out) ||
	    scram_hmac(c->hash, c->stored, n, span_buf(&c->auth), sig) == -1)
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	for (i = 0; i < n; i++)
		sig[i] ^= c->client[i];
	buf_adds(&c->out, ",p=");
	buf_add_base64(&c->out, span_of(sig, n));
	explicit_bzero(sig, sizeof(sig));
	if (buf_failed(&c->out))
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	c->state = C_FINAL;
	return (SCRAM_MORE);
}

/* server-final-message: (server-error / verifier) ["," extensions] */
static enum scram_status
server_final(struct scram_client *c, struct span in)
{
	uint8_t		 sig[SCRAM_KEY_MAX];
	struct span	 v;
	struct buf	 got;
	size_t		 n = scram_key_size(c->hash);
	int		 same;

	if (in.n > SCRAM_MSG_MAX)
		return (malformed(c, "server-final-message too long"));
	if (scram_attr(&in, 'e', &v) == 0)
		return (server_error(c, v));
	if (scram_attr(&in, 'v', &v) == -1 ||
	    scram_extensions(&in) != SCRAM_WHY_NONE || in.n != 0)
		return (malformed(c,
		    "no verifier in server-final-message (RFC 5802 7)"));
	if (scram_hmac(c->hash, c->server, n, span_buf(&c->auth), sig) == -1)
		return (stop(c, SCRAM_ERROR, SCRAM_WHY_MEMORY, "no memory"));
	buf_init(&got, SCRAM_MSG_MAX);
	same = buf_add_unbase64(&got, v) == 0 && got.n == n &&
	    CRYPTO_memcmp(got.p, sig, n) == 0;
	buf_free(&got);
	explicit_bzero(sig, sizeof(sig));
	if (!same)
		return (stop(c, SCRAM_FAIL, SCRAM_WHY_SIGNATURE,
		    "server's signature is wrong: it does not know the "
		    "password (RFC 5802 3)"));
	return (stop(c, SCRAM_DONE, SCRAM_WHY_NONE, NULL));
}

enum scram_status
scram_client_step(struct scram_client *c, struct span in, struct span *out)
{
	enum scram_status	 st;

	switch (c->state) {
	case C_START:
		st = in.n != 0 ? malformed(c, "challenge before we began") :
		    client_first(c);
		break;
	case C_FIRST:
		st = server_first(c, in);
		break;
	case C_WORKED:
		st = in.n != 0 ? malformed(c, "challenge out of order") :
		    client_final(c);
		break;
	case C_FINAL:
		st = server_final(c, in);
		break;
	default:
		st = malformed(c, "challenge out of order");
		break;
	}
	*out = span_buf(&c->out);
	return (st);
}
