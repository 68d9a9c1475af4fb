/*
 * The credentials database: what is stored of passwords.  SCRAM keys of either
 * hash; CRAM-MD5's state where that is served; and how many accounts have how
 * many iterations, so that a name without an account shows nothing else.
 */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "authd/auth_userdb.h"
#include "log.h"

#define CRAM		255	/* in place of a hash */

struct rec_verifier {
	uint32_t	 iterations;
	struct span	 salt, stored, server;
};

static const struct field f_verifier[] = {
	F_U32(rec_verifier, iterations),
	F_STR(rec_verifier, salt, SCRAM_SALT_MAX),
	F_STR(rec_verifier, stored, SCRAM_KEY_MAX),
	F_STR(rec_verifier, server, SCRAM_KEY_MAX),
};
static const struct codec c_rec_verifier = CODEC(rec_verifier, f_verifier);

struct rec_cram {
	struct span	 inner, outer;
};

static const struct field f_cram[] = {
	F_STR(rec_cram, inner, 16), F_STR(rec_cram, outer, 16),
};
static const struct codec c_rec_cram = CODEC(rec_cram, f_cram);

static struct span	 verifier_key(uint8_t k[9], uint64_t, int);
static void	 count(struct userdb *, uint32_t, int);
static void	 uncount(struct userdb *, uint64_t);

static struct span
verifier_key(uint8_t k[9], uint64_t id, int hash)
{
	key64(k, id);
	k[8] = (uint8_t)hash;
	return (span_of(k, 9));
}

/* ---- SCRAM ---------------------------------------------------------------- */

int
userdb_verifier(struct userdb *u, uint64_t id, enum scram_hash h,
    struct scram_secret *v)
{
	struct rec_verifier	 r;
	uint8_t			 k[9];
	size_t			 n = scram_key_size(h);

	if (userdb_read(u->verifier, verifier_key(k, id, (int)h),
	    &c_rec_verifier, &r) == -1)
		return (-1);
	if (r.stored.n != n || r.server.n != n || r.salt.n == 0 ||
	    r.iterations == 0) {
		errno = EILSEQ;
		return (-1);
	}
	memset(v, 0, sizeof(*v));
	v->hash = h;
	v->iterations = r.iterations;
	v->saltlen = (uint8_t)r.salt.n;
	memcpy(v->salt, r.salt.p, r.salt.n);
	memcpy(v->stored_key, r.stored.p, n);
	memcpy(v->server_key, r.server.p, n);
	return (0);
}

int
userdb_set_verifier(struct userdb *u, uint64_t id,
    const struct scram_secret *v)
{
	size_t			 n = scram_key_size(v->hash);
	struct rec_verifier	 r = { v->iterations,
				    span_of(v->salt, v->saltlen),
				    span_of(v->stored_key, n),
				    span_of(v->server_key, n) };
	uint8_t			 k[9];

	if (v->hash == SCRAM_SHA_256) {
		uncount(u, id);
		count(u, v->iterations, 1);
	}
	return (userdb_write(u->verifier, verifier_key(k, id,
	    (int)v->hash), &c_rec_verifier, &r));
}

/* ---- CRAM-MD5 -------------------------------------------------------------- */

int
userdb_cram(struct userdb *u, uint64_t id, struct sasl_cram_secret *v)
{
	struct rec_cram	 r;
	uint8_t		 k[9];

	memset(v, 0, sizeof(*v));
	if (userdb_read(u->verifier, verifier_key(k, id, CRAM),
	    &c_rec_cram, &r) == -1)
		return (-1);
	if (r.inner.n != sizeof(v->inner) || r.outer.n != sizeof(v->outer)) {
		errno = EILSEQ;
		return (-1);
	}
	memcpy(v->inner, r.inner.p, sizeof(v->inner));
	memcpy(v->outer, r.outer.p, sizeof(v->outer));
	return (0);
}

int
userdb_set_cram(struct userdb *u, uint64_t id,
    const struct sasl_cram_secret *v)
{
	struct rec_cram	 r;
	struct span	 key;
	uint8_t		 k[9];

	key = verifier_key(k, id, CRAM);
	if (v == NULL)
		return (dbenv_del(u->verifier, key) == -1 && errno != ENOENT ?
		    -1 : 0);
	r.inner = span_of(v->inner, sizeof(v->inner));
	r.outer = span_of(v->outer, sizeof(v->outer));
	return (userdb_write(u->verifier, key, &c_rec_cram, &r));
}

int
userdb_del_verifiers(struct userdb *u, uint64_t id)
{
	uint8_t	 k[8];

	uncount(u, id);
	return (userdb_del_all(u->verifier, key64(k, id)));
}

/* ---- iterations ------------------------------------------------------------ */

/* Accounts more or less that have so many; beyond so many different counts
 * nothing is counted, and no invented name shows those. */
static void
count(struct userdb *u, uint32_t n, int more)
{
	size_t	 i, used;

	for (used = 0; used < ITERATIONS_MAX &&
	    u->iterations[used].accounts > 0;)
		used++;
	for (i = 0; i < used && u->iterations[i].n < n;)
		i++;
	if (i < used && u->iterations[i].n == n) {
		if (more || --u->iterations[i].accounts > 0) {
			u->iterations[i].accounts += (uint32_t)more;
			return;
		}
		memmove(&u->iterations[i], &u->iterations[i + 1],
		    (used - i - 1) * sizeof(u->iterations[0]));
		memset(&u->iterations[used - 1], 0, sizeof(u->iterations[0]));
	} else if (more && used < ITERATIONS_MAX) {
		memmove(&u->iterations[i + 1], &u->iterations[i],
		    (used - i) * sizeof(u->iterations[0]));
		u->iterations[i].n = n;
		u->iterations[i].accounts = 1;
	}
}

/* What that account has is about to go. */
static void
uncount(struct userdb *u, uint64_t id)
{
	struct scram_secret	 old;

	if (userdb_verifier(u, id, SCRAM_SHA_256, &old) == 0)
		count(u, old.iterations, 0);
	explicit_bzero(&old, sizeof(old));
}

int
userdb_load_verifiers(struct userdb *u)
{
	struct rec_verifier	 r;
	struct dbenv_iter	 it;
	struct span		 none = { 0 }, k, v;
	int			 rc;

	memset(u->iterations, 0, sizeof(u->iterations));
	dbenv_iter_init(&it, u->verifier, none, none);
	while ((rc = dbenv_iter_next(&it, &k, &v)) == 1)
		if (k.n == 9 && k.p[8] == SCRAM_SHA_256 &&
		    codec_get(&v, &c_rec_verifier, &r) == 0)
			count(u, r.iterations, 1);
	dbenv_iter_free(&it);
	return (rc);
}

uint32_t
userdb_invented_iterations(const struct userdb *u, struct span name,
    uint32_t otherwise)
{
	struct buf	 b = { 0 };
	uint8_t		 sum[EVP_MAX_MD_SIZE] = { 0 };
	uint64_t	 all = 0, at;
	unsigned	 n = 0;
	size_t		 i;

	for (i = 0; i < ITERATIONS_MAX; i++)
		all += u->iterations[i].accounts;
	buf_put_cstr(&b, "iterations");
	buf_add_span(&b, name);
	if (all > 0 && !buf_failed(&b) && HMAC(EVP_sha256(), u->secret,
	    sizeof(u->secret), b.p, b.n, sum, &n) == NULL)
		all = 0;
	buf_free(&b);
	at = ((uint64_t)sum[0] << 24 | (uint64_t)sum[1] << 16 |
	    (uint64_t)sum[2] << 8 | sum[3]) * all >> 32;
	for (i = 0; all > 0 && i < ITERATIONS_MAX; i++) {
		if (at < u->iterations[i].accounts)
			return (u->iterations[i].n);
		at -= u->iterations[i].accounts;
	}
	return (otherwise);
}
