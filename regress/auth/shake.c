/*
 * TLS handshakes in memory, see shake.h.
 */
#include <openssl/ssl.h>

#include "shake.h"
#include "tlsproof.h"

static EVP_PKEY		*keys[NKINDS];
static X509		*certs[NKINDS];
static unsigned char	*spki[NKINDS];
static int		 spki_n[NKINDS];

void
shake_init(void)
{
	int	 k;

	if (tlsproof_init() == -1)
		exit(1);
	for (k = 0; k < NKINDS; k++) {
		if ((keys[k] = make_key((enum kind)k)) == NULL)
			exit(1);
		certs[k] = make_certificate(keys[k], "a.example", 3600);
		spki_n[k] = i2d_PUBKEY(keys[k], &spki[k]);
	}
}

void
shake_end(void)
{
	int	 k;

	for (k = 0; k < NKINDS; k++) {
		EVP_PKEY_free(keys[k]);
		X509_free(certs[k]);
		OPENSSL_free(spki[k]);
	}
}

EVP_PKEY *
shake_key(enum kind k)
{
	return (keys[k]);
}

struct span
shake_spki(enum kind k)
{
	return (span_of(spki[k], (size_t)spki_n[k]));
}

static int
any(int ok, X509_STORE_CTX *ctx)
{
	(void)ok;
	(void)ctx;
	return (1);
}

static SSL *
end(const struct shake *s, int server, int nocert, uint64_t options)
{
	enum kind	 kind = server ? s->server : s->client;
	SSL_CTX		*ctx = SSL_CTX_new(server ? TLS_server_method() :
			    TLS_client_method());
	static char	 usual[] = "X25519:P-256:P-384:P-521";
	SSL		*ssl;
	int		 ok = 1;

	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, s->version);
	SSL_CTX_set_max_proto_version(ctx, s->version);
	SSL_CTX_set1_groups_list(ctx, server && s->groups != NULL ?
	    s->groups : usual);
	if (server)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, any);
	else
		SSL_CTX_set_options(ctx, options);
	if (server || !nocert)
		ok = SSL_CTX_use_certificate(ctx, certs[kind]) == 1 &&
		    SSL_CTX_use_PrivateKey(ctx, keys[kind]) == 1;
	if (s->suite != NULL)
		ok = ok && (s->version == TLS1_3_VERSION ?
		    SSL_CTX_set_ciphersuites(ctx, s->suite) :
		    SSL_CTX_set_cipher_list(ctx, s->suite));
	if (!ok || (ssl = SSL_new(ctx)) == NULL)
		exit(1);
	SSL_CTX_free(ctx);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return (ssl);
}

void
shake_parts(struct recorded *r)
{
	struct span	 s = span_buf(&r->b);

	for (r->n = 0; s.n >= 4 && r->n < PARTS_MAX; r->n++)
		if (span_take(&s, 4 + ((size_t)s.p[1] << 16 |
		    (size_t)s.p[2] << 8 | s.p[3]), &r->part[r->n]) == -1)
			return;
}

int
shake(const struct shake *s, struct recorded *r, int nocert, uint64_t options,
    size_t max)
{
	SSL	*server = end(s, 1, 0, 0), *client = end(s, 0, nocert, options);
	BIO	*a, *b;
	int	 i, ok = 0;

	memset(r, 0, sizeof(*r));
	BIO_new_bio_pair(&a, 65536, &b, 65536);
	SSL_set_bio(server, a, a);
	SSL_set_bio(client, b, b);
	tlsproof_record(server, max);
	/* What the server asks for is what the client uses. */
	if (s->sigalgs != NULL &&
	    SSL_set1_client_sigalgs_list(server, s->sigalgs) != 1)
		exit(1);
	for (i = 0; i < 20 && !ok; i++) {
		(void)SSL_do_handshake(client);
		(void)SSL_do_handshake(server);
		ok = SSL_is_init_finished(client) &&
		    SSL_is_init_finished(server);
	}
	buf_add_span(&r->b, tlsproof_get(server));
	shake_parts(r);
	SSL_free(server);
	SSL_free(client);
	return (ok ? 0 : -1);
}
