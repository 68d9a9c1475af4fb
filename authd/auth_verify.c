/*
 * Passwords, compared off the loop: the arithmetic takes some milliseconds and
 * is done by a helper thread, for an account that does not exist as well.  How
 * many may wait is bounded, in all and by address; networks take turns, and in
 * each its addresses, so that who sends many waits longer and nobody else does.
 * Whom nobody waits for any more leaves the queue.  A password that was right is
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
#define AT_WORK		2	/* given to the helper threads */

struct lane;
TAILQ_HEAD(lanes, lane);
TAILQ_HEAD(verifies, verify);

/* Those of a network, or of an address in it, in the order of their turns. */
struct lane {
	TAILQ_ENTRY(lane)		 turn;
	struct ratelimit_key		 key;
	struct lanes			 addresses;	/* of a network */
	struct verifies			 waiting;	/* of an address */
};

struct verify {
	LIST_ENTRY(verify)		 entry;
	TAILQ_ENTRY(verify)		 place;		/* unless at work */
	int				 at_work;
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
static size_t				 nverifies, at_work;
static struct lanes			 networks =
					    TAILQ_HEAD_INITIALIZER(networks);

static int	 digest_of(const struct account *, const struct scram_secret *,
		    struct span, uint8_t *);
static size_t	 slot(const uint8_t *);
static void	 run(struct dbenv_job *);
static void	 done(struct dbenv_job *);
static void	 verify_free(struct verify *);
static struct ratelimit_key	 wider(const struct ratelimit_key *, size_t,
			    size_t);
static struct lane	*lane_find(struct lanes *,
			    const struct ratelimit_key *);
static struct lane	*lane_get(struct lanes *,
			    const struct ratelimit_key *);
static void	 lane_end(struct lanes *, struct lane *);
static int	 enqueue(struct verify *);
static void	 unqueue(struct verify *);
static struct verify	*next_in_turn(void);
static void	 work(void);

int
verify_init(void)
{
	auth.verifying = ratelimit_open_new(WAITING_MAX);
	return (auth.verifying == NULL ||
	    RAND_bytes(start_key, sizeof(start_key)) != 1 ? -1 : 0);
}

/*
 * HMAC-SHA-256 over account, serial, salt and password.  The salt tells those
 * apart who do not exist.
 */
static int
digest_of(const struct account *a, const struct scram_secret *secret,
    struct span password, uint8_t *out)
{
	struct buf	 b = { 0 };
	unsigned	 n = DIGEST;
	int		 rc;

	buf_put_u64(&b, a->id);
	buf_put_u64(&b, a->serial);
	buf_put_str(&b, span_of(secret->salt, secret->saltlen));
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

/* ---- turns ------------------------------------------------------------------ */

/* The first octets of an address: networks as the limits see them. */
static struct ratelimit_key
wider(const struct ratelimit_key *k, size_t ip4, size_t ip6)
{
	struct ratelimit_key	 n = *k;
	size_t			 keep = k->kind == 4 ? ip4 : ip6;

	if (k->kind != 'n')
		memset(n.octets + keep, 0, sizeof(n.octets) - keep);
	return (n);
}

static struct lane *
lane_find(struct lanes *in, const struct ratelimit_key *k)
{
	struct lane	*l;

	TAILQ_FOREACH(l, in, turn)
		if (l->key.kind == k->kind && memcmp(l->key.octets, k->octets,
		    sizeof(k->octets)) == 0)
			break;
	return (l);
}

/* One that is new comes last. */
static struct lane *
lane_get(struct lanes *in, const struct ratelimit_key *k)
{
	struct lane	*l = lane_find(in, k);

	if (l != NULL || (l = calloc(1, sizeof(*l))) == NULL)
		return (l);
	l->key = *k;
	TAILQ_INIT(&l->addresses);
	TAILQ_INIT(&l->waiting);
	TAILQ_INSERT_TAIL(in, l, turn);
	return (l);
}

/* Without anybody in it, it goes. */
static void
lane_end(struct lanes *in, struct lane *l)
{
	if (!TAILQ_EMPTY(&l->addresses) || !TAILQ_EMPTY(&l->waiting))
		return;
	TAILQ_REMOVE(in, l, turn);
	free(l);
}

static int
enqueue(struct verify *v)
{
	struct ratelimit_key	 n = wider(&v->key, 3, 6);
	struct ratelimit_key	 a = wider(&v->key, 4, 8);
	struct lane		*network, *address;

	if ((network = lane_get(&networks, &n)) == NULL)
		return (-1);
	if ((address = lane_get(&network->addresses, &a)) == NULL) {
		lane_end(&networks, network);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&address->waiting, v, place);
	return (0);
}

static void
unqueue(struct verify *v)
{
	struct ratelimit_key	 n = wider(&v->key, 3, 6);
	struct ratelimit_key	 a = wider(&v->key, 4, 8);
	struct lane		*network, *address;

	network = lane_find(&networks, &n);
	address = lane_find(&network->addresses, &a);
	TAILQ_REMOVE(&address->waiting, v, place);
	lane_end(&network->addresses, address);
	lane_end(&networks, network);
}

/* The first of the address whose turn it is; then its turn is the last one. */
static struct verify *
next_in_turn(void)
{
	struct lane	*network, *address;
	struct verify	*v;

	if ((network = TAILQ_FIRST(&networks)) == NULL)
		return (NULL);
	address = TAILQ_FIRST(&network->addresses);
	v = TAILQ_FIRST(&address->waiting);
	TAILQ_REMOVE(&networks, network, turn);
	TAILQ_INSERT_TAIL(&networks, network, turn);
	TAILQ_REMOVE(&network->addresses, address, turn);
	TAILQ_INSERT_TAIL(&network->addresses, address, turn);
	unqueue(v);
	return (v);
}

static void
work(void)
{
	struct verify	*v;

	while (at_work < AT_WORK && (v = next_in_turn()) != NULL) {
		v->at_work = 1;
		at_work++;
		dbenv_job(auth.db.env, &v->job);
	}
}

/* ---- one -------------------------------------------------------------------- */

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

	at_work--;
	work();		/* the threads first */
	LIST_REMOVE(v, entry);		/* who asks from now on asks anew */
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
	verify_free(v);
}

static void
verify_free(struct verify *v)
{
	nverifies--;
	ratelimit_open_remove(auth.verifying, &v->key);
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

	if (digest_of(&x->account, secret, password, digest) == -1)
		return (-1);
	if (x->account.id != 0 &&
	    CRYPTO_memcmp(cache[slot(digest)], digest, DIGEST) == 0)
		return (1);
	/* Of nobody too: how long it takes must not tell. */
	LIST_FOREACH(v, &verifies, entry)
		if (v->account == x->account.id &&
		    CRYPTO_memcmp(v->digest, digest, DIGEST) == 0)
			goto wait;
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
	nverifies++;
	if (enqueue(v) == -1) {
		verify_free(v);
		return (-1);
	}
	LIST_INSERT_HEAD(&verifies, v, entry);
	work();
wait:
	x->verify = v;
	TAILQ_INSERT_TAIL(&v->waiters, x, waiter);
	return (0);
}

/* What has begun goes on, and nobody wants its result. */
void
verify_cancel(struct exchange *x)
{
	struct verify	*v = x->verify;

	if (v == NULL)
		return;
	TAILQ_REMOVE(&v->waiters, x, waiter);
	x->verify = NULL;
	if (v->at_work || !TAILQ_EMPTY(&v->waiters))
		return;
	unqueue(v);
	LIST_REMOVE(v, entry);
	verify_free(v);
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
