/*
 * What servers keep instead of passwords, RFC 5802 section 3.
 */
#include <sys/random.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "scram_int.h"

static const EVP_MD	*scram_md(enum scram_hash);

static const struct {
	const char	*name;
	size_t		 size;
	const EVP_MD	*(*md)(void);
} hashes[SCRAM_HASHES] = {
	[SCRAM_SHA_1] = { "SHA-1", 20, EVP_sha1 },
	[SCRAM_SHA_256] = { "SHA-256", 32, EVP_sha256 },
};

size_t
scram_key_size(enum scram_hash hash)
{
	return (hashes[hash].size);
}

static const EVP_MD *
scram_md(enum scram_hash hash)
{
	return (hashes[hash].md());
}

int
scram_hmac(enum scram_hash hash, const uint8_t *key, size_t keylen,
    struct span data, uint8_t *out)
{
	unsigned	 n = 0;

	return (HMAC(scram_md(hash), key, (int)keylen, data.p, data.n, out,
	    &n) == NULL || n != hashes[hash].size ? -1 : 0);
}

/* Of one key. */
int
scram_digest(enum scram_hash hash, const uint8_t *key, uint8_t *out)
{
	unsigned	 n = 0;

	return (EVP_Digest(key, hashes[hash].size, out, &n, scram_md(hash),
	    NULL) != 1 || n != hashes[hash].size ? -1 : 0);
}

/* Hi() of the RFC. */
int
scram_salted(enum scram_hash hash, struct span password, struct span salt,
    uint32_t iterations, uint8_t *out)
{
	if (password.n > INT_MAX || salt.n == 0 || salt.n > SCRAM_SALT_MAX ||
	    iterations == 0 || iterations > INT_MAX) {
		errno = EINVAL;
		return (-1);
	}
	if (PKCS5_PBKDF2_HMAC(password.n == 0 ? "" : (const char *)password.p,
	    (int)password.n, salt.p, (int)salt.n, (int)iterations,
	    scram_md(hash), (int)hashes[hash].size, out) != 1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}

int
scram_keys(enum scram_hash hash, const uint8_t *salted, uint8_t *stored,
    uint8_t *server, uint8_t *client)
{
	uint8_t	 key[SCRAM_KEY_MAX];
	size_t	 n = hashes[hash].size;
	int	 rc = -1;

	if (scram_hmac(hash, salted, n, span_str("Client Key"), key) == 0 &&
	    scram_digest(hash, key, stored) == 0 &&
	    scram_hmac(hash, salted, n, span_str("Server Key"), server) == 0) {
		if (client != NULL)
			memcpy(client, key, n);
		rc = 0;
	}
	explicit_bzero(key, sizeof(key));
	if (rc == -1)
		errno = ENOMEM;
	return (rc);
}

int
scram_random_nonce(char *out, size_t room)
{
	uint8_t		 raw[SCRAM_OURS];
	struct buf	 b;
	int		 rc = -1;

	buf_init(&b, room);
	if (getentropy(raw, sizeof(raw)) == 0 &&
	    buf_add_base64(&b, span_of(raw, sizeof(raw))) == 0 &&
	    buf_cstr(&b) != NULL) {
		memcpy(out, b.p, b.n + 1);
		rc = 0;
	}
	buf_free(&b);
	return (rc);
}

int
scram_derive(struct scram_secret *s, enum scram_hash hash,
    struct span password, struct span salt, uint32_t iterations)
{
	uint8_t	 salted[SCRAM_KEY_MAX];
	int	 rc;

	memset(s, 0, sizeof(*s));
	if (scram_salted(hash, password, salt, iterations, salted) == -1)
		return (-1);
	s->hash = hash;
	s->iterations = iterations;
	s->saltlen = (uint8_t)salt.n;
	memcpy(s->salt, salt.p, salt.n);
	rc = scram_keys(hash, salted, s->stored_key, s->server_key, NULL);
	explicit_bzero(salted, sizeof(salted));
	if (rc == -1)
		explicit_bzero(s, sizeof(*s));
	return (rc);
}

int
scram_secret_new(struct scram_secret *s, enum scram_hash hash,
    struct span password, uint32_t iterations)
{
	uint8_t	 salt[SCRAM_SALT_NEW];

	if (getentropy(salt, sizeof(salt)) == -1)
		return (-1);
	return (scram_derive(s, hash, password, span_of(salt, sizeof(salt)),
	    iterations));
}

/*
 * HMAC-SHA-256(key, what NUL hash NUL name): the salt, which the client sees,
 * says nothing of the keys.
 */
int
scram_secret_invent(struct scram_secret *s, enum scram_hash hash,
    struct span key, struct span name, uint32_t iterations)
{
	static const char *const	 what[] = { "salt", "stored", "server" };
	uint8_t				 out[nitems(what)][SCRAM_KEY_MAX];
	struct buf			 b = { 0 };
	size_t				 i;
	int				 rc = 0;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < nitems(what) && rc == 0; i++) {
		buf_reset(&b);
		buf_adds(&b, what[i]);
		buf_addc(&b, 0);
		buf_adds(&b, hashes[hash].name);
		buf_addc(&b, 0);
		if (buf_add_span(&b, name) == -1 || scram_hmac(SCRAM_SHA_256,
		    key.p, key.n, span_buf(&b), out[i]) == -1)
			rc = -1;
	}
	buf_free(&b);
	if (rc == 0) {
		s->hash = hash;
		s->iterations = iterations;
		s->invented = 1;
		s->saltlen = SCRAM_SALT_NEW;
		memcpy(s->salt, out[0], SCRAM_SALT_NEW);
		memcpy(s->stored_key, out[1], hashes[hash].size);
		memcpy(s->server_key, out[2], hashes[hash].size);
	} else
		errno = ENOMEM;
	explicit_bzero(out, sizeof(out));
	return (rc);
}

int
scram_verify(const struct scram_secret *s, struct span password)
{
	struct scram_secret	 got;
	int			 same;

	if (scram_derive(&got, s->hash, password, span_of(s->salt, s->saltlen),
	    s->iterations) == -1)
		return (-1);
	same = CRYPTO_memcmp(got.stored_key, s->stored_key,
	    hashes[s->hash].size) == 0;
	explicit_bzero(&got, sizeof(got));
	return (same & !s->invented);
}
