/*
 * Passwords, compared off the loop: the arithmetic takes some milliseconds and
 * is done by a helper thread, for an account that does not exist as well.  How
 * many may wait is bounded, in all and by address.  A password that was right is
 * remembered as a keyed hash, under a key of this start, with the account and
 * the serial of its password; who asks for the same while it is being compared
 * waits for that.  What was wrong is remembered in the same way, with the
 * address: a program that tries one forgotten password for ever is not guessing.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "authd/auth.h"
#include "log.h"

#define DIGEST		GUESS_LEN
#define CACHE_SLOTS	8192
#define WAITING_MAX	1024	/* in all */
#define WAITING_ADDRESS	256	/* of an address */
#define WAITING_PREFIX	512	/* of a network */

struct verify {
	LIST_ENTRY(verify)		 entry;
	struct dbenv_job		 job;
	struct scram_secret		 secret;	/* the thread's, until done */
	struct buf			 password;
	int				 ok;
	uint64_t			 account, serial;
	uint8_t				 digest[DIGEST];
	struct ratelimit_key		 key;
	TAILQ_HEAD(, exchange)		 waiters;
};

static uint8_t				 start_key[DIGEST];
static uint8_t				 cache[CACHE_SLOTS][DIGEST];
static uint8_t				 wrong[CACHE_SLOTS][DIGEST];
static LIST_HEAD(, verify)		 verifies =
					    LIST_HEAD_INITIALIZER(verifies);
static size_t				 nverifies;

static int	 digest_of(const struct account *, struct span, uint8_t *);
static size_t	 slot(const uint8_t *);
static void	 run(struct dbenv_job *);
static void	 done(struct dbenv_job *);

int
verify_init(void)
{
	auth.verifying = ratelimit_open_new(WAITING_MAX);
	return (auth.verifying == NULL ||
	    RAND_bytes(start_key, sizeof(start_key)) != 1 ? -1 : 0);
}

/* HMAC-SHA-256 over account, serial and password. */
static int
digest_of(const struct account *a, struct span password, uint8_t *out)
{
	struct buf	 b = { 0 };
	unsigned	 n = DIGEST;
	int		 rc;

	buf_put_u64(&b, a->id);
	buf_put_u64(&b, a->serial);
	buf_add_span(&b, password);
	rc = buf_failed(&b) || HMAC(EVP_sha256(), start_key,
	    sizeof(start_key), b.p, b.n, out, &n) == NULL ? -1 : 0;
	buf_freezero(&b);
	return (rc);
}

static size_t
slot(const uint8_t *digest)
{
	return (((size_t)digest[0] << 8 | digest[1]) % CACHE_SLOTS);
}

/* HMAC-SHA-256 over address, name and password. */
int
verify_guess(const struct conn *c, struct span name, struct span password,
    uint8_t *out)
{
	struct buf	 b = { 0 };
	unsigned	 n = DIGEST;
	int		 rc;

	buf_put_cstr(&b, c->remote);
	buf_put_str(&b, name);
	buf_put_str(&b, password);
	rc = buf_failed(&b) || HMAC(EVP_sha256(), start_key,
	    sizeof(start_key), b.p, b.n, out, &n) == NULL ? -1 : 0;
	buf_freezero(&b);
	return (rc);
}

int
verify_guessed(const uint8_t *guess)
{
	uint8_t	*at = wrong[slot(guess)];

	if (CRYPTO_memcmp(at, guess, DIGEST) == 0)
		return (1);
	memcpy(at, guess, DIGEST);
	return (0);
}

static void
run(struct dbenv_job *j)
{
	struct verify	*v = j->arg;

	v->ok = scram_verify(&v->secret, span_buf(&v->password));
}

static void
done(struct dbenv_job *j)
{
	struct verify	*v = j->arg;
	struct exchange	*x;
	int		 ok = v->ok == 1;

	LIST_REMOVE(v, entry);
	nverifies--;
	ratelimit_open_remove(auth.verifying, &v->key);
	if (ok && v->account != 0) {
		memcpy(cache[slot(v->digest)], v->digest, DIGEST);
		upgrade_consider(v->account, v->serial,
		    span_buf(&v->password));
	}
	while ((x = TAILQ_FIRST(&v->waiters)) != NULL) {
		TAILQ_REMOVE(&v->waiters, x, waiter);
		x->verify = NULL;
		exchange_verdict(x, ok);
	}
	buf_freezero(&v->password);
	explicit_bzero(v, sizeof(*v));
	free(v);
}

int
verify_begin(struct exchange *x, const struct scram_secret *secret,
    struct span password)
{
	static const struct ratelimit_bounds	 bounds = { WAITING_MAX,
						    WAITING_ADDRESS,
						    WAITING_PREFIX };
	struct verify	*v;
	uint8_t		 digest[DIGEST];

	if (digest_of(&x->account, password, digest) == -1)
		return (-1);
	if (x->account.id != 0) {
		if (CRYPTO_memcmp(cache[slot(digest)], digest, DIGEST) == 0)
			return (1);
		LIST_FOREACH(v, &verifies, entry)
			if (v->account == x->account.id &&
			    CRYPTO_memcmp(v->digest, digest, DIGEST) == 0)
				goto wait;
	}
	if ((v = calloc(1, sizeof(*v))) == NULL)
		return (-1);
	v->key = x->conn->key;
	if (buf_add_span(&v->password, password) == -1 ||
	    ratelimit_open_add(auth.verifying, &v->key, &bounds) !=
	    RATELIMIT_OK) {
		buf_freezero(&v->password);
		free(v);
		return (-1);
	}
	v->secret = *secret;
	v->account = x->account.id;
	v->serial = x->account.serial;
	memcpy(v->digest, digest, DIGEST);
	v->job.run = run;
	v->job.done = done;
	v->job.arg = v;
	TAILQ_INIT(&v->waiters);
	LIST_INSERT_HEAD(&verifies, v, entry);
	nverifies++;
	dbenv_job(auth.db.env, &v->job);
wait:
	x->verify = v;
	TAILQ_INSERT_TAIL(&v->waiters, x, waiter);
	return (0);
}

/* The arithmetic goes on; nobody wants its result. */
void
verify_cancel(struct exchange *x)
{
	if (x->verify == NULL)
		return;
	TAILQ_REMOVE(&x->verify->waiters, x, waiter);
	x->verify = NULL;
}

void
verify_forget(void)
{
	explicit_bzero(cache, sizeof(cache));
}

size_t
verify_waiting(void)
{
	return (nverifies);
}
