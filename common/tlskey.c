/*
 * Private keys that are in "authd: keys", for OpenSSL.
 *
 * libssl signs with EVP_DigestSign(), which asks the key's EVP_PKEY_METHOD.
 * Ours are copies of the built-in ones but for signing: the text that is to be
 * signed goes to keys, which looks at it, hashes, pads and salts.  The methods
 * count for the whole process; a key that is no stand-in cannot sign here at
 * all, and everything else, verifying above all, is the built-in methods' work.
 *
 * The wait for keys is synchronous, on a link with nothing else on it.  After any
 * failure that link is closed: a late answer would be taken for the next one.
 */
#include <sys/socket.h>
#include <errno.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "msg.h"
#include "proc.h"
#include "tlskey.h"

#define HEADER	8		/* of a packet: type, id */

static int	 init(void);
static int	 wait_for(int, short, int64_t);
static int	 ask(const struct msg_sign *, struct buf *);
static int	 sign(EVP_PKEY *, enum sign_op, const EVP_MD *,
		    unsigned char *, size_t *, const unsigned char *, size_t);
static int	 sign_rsa(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static int	 sign_ec(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static int	 sign_ed25519(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
static void	 free_id(void *, void *, CRYPTO_EX_DATA *, int, long, void *);

static int	 id_index = -1;		/* of a stand-in's id */

/* ---- asking keys -------------------------------------------------------- */

static int64_t
now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* Until the socket is ready; -1 when it is time to give up. */
static int
wait_for(int fd, short events, int64_t until)
{
	struct pollfd	 p = { .fd = fd, .events = events };
	int64_t		 left;
	int		 n;

	for (;;) {
		if ((left = until - now_ms()) <= 0)
			return (-1);
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return (0);
		if (n == -1 && errno != EINTR)
			return (-1);
	}
}

/* One question, one answer.  0, or -1 when the link is to be closed. */
static int
ask(const struct msg_sign *m, struct buf *sig)
{
	static uint32_t		 last;
	int64_t			 until = now_ms() + TLSKEY_PATIENCE;
	struct msg_signature	 r;
	struct buf		 b = { .max = IMSG_MAX };
	uint8_t			 room[IMSG_MAX];
	struct span		 s;
	uint32_t		 type, id;
	ssize_t			 n;
	int			 fd = proc_keys_fd(), rc;

	if (fd == -1)
		return (-1);
	buf_put_u32(&b, M_SIGN);
	buf_put_u32(&b, ++last);
	rc = codec_put(&b, &c_sign, m);
	while (rc == 0 && (n = send(fd, b.p, b.n, MSG_DONTWAIT |
	    MSG_NOSIGNAL)) != (ssize_t)b.n)
		if (n != -1 || (errno != EINTR && (errno != EAGAIN ||
		    wait_for(fd, POLLOUT, until) == -1)))
			rc = -1;
	buf_free(&b);
	if (rc == -1)
		return (-1);
	while ((n = recv(fd, room, sizeof(room), MSG_DONTWAIT)) == -1)
		if (errno != EINTR && (errno != EAGAIN ||
		    wait_for(fd, POLLIN, until) == -1))
			return (-1);
	s = span_of(room, (size_t)n);
	if (span_get_u32(&s, &type) == -1 || span_get_u32(&s, &id) == -1 ||
	    type != (M_SIGN | IMSG_REPLY) || id != last ||
	    codec_get(&s, &c_signature, &r) == -1 || s.n != 0)
		return (-1);
	if (r.result != RESULT_OK)
		log_warn("keys does not sign this");
	else
		buf_add_span(sig, r.signature);
	return (0);
}

static int
sign(EVP_PKEY *key, enum sign_op op, const EVP_MD *md, unsigned char *sig,
    size_t *n, const unsigned char *text, size_t len)
{
	struct msg_sign	 m = { .op = (uint8_t)op };
	const void	*id = EVP_PKEY_get_ex_data(key, id_index);
	uint8_t		 room[1024];
	struct buf	 got = { room, 0, sizeof(room), sizeof(room), 0 };
	size_t		 size = (size_t)EVP_PKEY_size(key);

	if (id == NULL)
		return (0);	/* no stand-in: it has no business here */
	if (sig == NULL) {
		*n = size;
		return (1);
	}
	memcpy(m.key, id, sizeof(m.key));
	m.hash = md == NULL ? 0 : (uint32_t)EVP_MD_type(md);
	m.data = span_of(text, len);
	if (ask(&m, &got) == -1) {
		if (proc_keys_fd() != -1)
			log_warn("no answer from keys");
		proc_keys_lost();
		return (0);
	}
	if (got.n == 0 || got.n > size || got.n > *n)
		return (0);
	memcpy(sig, got.p, got.n);
	*n = got.n;
	return (1);
}

/* ---- methods ------------------------------------------------------------ */

static int
sign_rsa(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);
	const EVP_MD	*md = NULL;
	int		 padding = 0;

	if (EVP_PKEY_CTX_get_signature_md(p, &md) <= 0 || md == NULL ||
	    EVP_PKEY_CTX_get_rsa_padding(p, &padding) <= 0 ||
	    (padding != RSA_PKCS1_PADDING && padding != RSA_PKCS1_PSS_PADDING))
		return (0);
	return (sign(EVP_PKEY_CTX_get0_pkey(p), padding == RSA_PKCS1_PADDING ?
	    SIGN_RSA_PKCS1 : SIGN_RSA_PSS, md, sig, n, text, len));
}

static int
sign_ec(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);
	const EVP_MD	*md = NULL;

	if (EVP_PKEY_CTX_get_signature_md(p, &md) <= 0 || md == NULL)
		return (0);
	return (sign(EVP_PKEY_CTX_get0_pkey(p), SIGN_ECDSA, md, sig, n, text,
	    len));
}

static int
sign_ed25519(EVP_MD_CTX *ctx, unsigned char *sig, size_t *n,
    const unsigned char *text, size_t len)
{
	EVP_PKEY_CTX	*p = EVP_MD_CTX_pkey_ctx(ctx);

	return (sign(EVP_PKEY_CTX_get0_pkey(p), SIGN_ED25519, NULL, sig, n,
	    text, len));
}

static const struct {
	int	 id;
	int	(*run)(EVP_MD_CTX *, unsigned char *, size_t *,
		    const unsigned char *, size_t);
} kinds[] = {
	{ EVP_PKEY_RSA,		sign_rsa },
	{ EVP_PKEY_EC,		sign_ec },
	{ EVP_PKEY_ED25519,	sign_ed25519 },
};

static void
free_id(void *parent, void *p, CRYPTO_EX_DATA *ad, int i, long l, void *arg)
{
	(void)parent;
	(void)ad;
	(void)i;
	(void)l;
	(void)arg;
	OPENSSL_free(p);
}

/* Once, before the first stand-in. */
static int
init(void)
{
	const EVP_PKEY_METHOD	*builtin;
	EVP_PKEY_METHOD		*m;
	size_t			 i;
	int			 id, flags;

	if (id_index != -1)
		return (0);
	for (i = 0; i < nitems(kinds); i++) {
		if ((builtin = EVP_PKEY_meth_find(kinds[i].id)) == NULL)
			return (-1);
		EVP_PKEY_meth_get0_info(&id, &flags, builtin);
		if ((m = EVP_PKEY_meth_new(id, flags)) == NULL)
			return (-1);
		EVP_PKEY_meth_copy(m, builtin);		/* but id and flags */
		EVP_PKEY_meth_set_digestsign(m, kinds[i].run);
		if (EVP_PKEY_meth_add0(m) != 1) {
			EVP_PKEY_meth_free(m);
			return (-1);
		}
	}
	id_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_EVP_PKEY, 0, NULL,
	    NULL, NULL, free_id);
	return (id_index == -1 ? -1 : 0);
}

int
tlskey_id(X509 *x, uint8_t id[TLSKEY_ID])
{
	unsigned char	*der = NULL;
	unsigned int	 n = TLSKEY_ID;
	int		 len, rc;

	if ((len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der)) <= 0)
		return (-1);
	rc = EVP_Digest(der, (size_t)len, id, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	return (rc == 1 ? 0 : -1);
}

EVP_PKEY *
tlskey_new(X509 *x)
{
	const unsigned char	*p;
	unsigned char		*der = NULL, *id;
	EVP_PKEY		*key;
	size_t			 i;
	int			 len;

	if (init() == -1 ||
	    (len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der)) <= 0)
		return (NULL);
	p = der;
	/* An object of its own: the certificate's is shared. */
	key = d2i_PUBKEY(NULL, &p, len);
	OPENSSL_free(der);
	for (i = 0; key != NULL && i < nitems(kinds) &&
	    EVP_PKEY_base_id(key) != kinds[i].id; i++)
		;
	if (key == NULL || i == nitems(kinds) ||
	    (id = OPENSSL_malloc(TLSKEY_ID)) == NULL) {
		EVP_PKEY_free(key);
		return (NULL);
	}
	if (tlskey_id(x, id) == -1 ||
	    EVP_PKEY_set_ex_data(key, id_index, id) != 1) {
		OPENSSL_free(id);
		EVP_PKEY_free(key);
		return (NULL);
	}
	return (key);
}
