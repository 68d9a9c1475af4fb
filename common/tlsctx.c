/*
 * TLS by libtls, and what it lacks by libssl: see tlsctx.h.
 *
 * libtls gives its SSL and SSL_CTX to nobody, but libssl tells of every one that
 * is made, through the documented extra data of those objects.  Into the
 * SSL_CTX of each certificate goes a stand-in for its private key (tlskey.h).
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <tls.h>
#include <unistd.h>

#include "io.h"
#include "tlsctx.h"
#include "tlskey.h"
#include "tlsproof.h"

/* In libtls, LibreSSL's and Debian's, but in no header. */
void	 tls_config_skip_private_key_check(struct tls_config *);

#define CERTS_MAX	64	/* of a listener, conf.c */
#define CIPHERS		"ECDHE+AESGCM:ECDHE+CHACHA20"
/* P-521 too: without it a client key of that curve fails the handshake. */
#define CURVES		"X25519,P-256,P-384,P-521"

struct tlsctx {
	struct tls	*tls;
	unsigned	 refs;
	int		 asks;		/* for certificates of clients */
};

struct tlsctx_client {
	struct tls_config	*config;
	X509_STORE		*store;
	int			 shows;		/* a certificate of ours */
	EVP_PKEY		*key;		/* its, in keys */
};

static int	 init(void);
static SSL	*ssl_of(const struct tls *);
static int	 asks(const struct conf_listener *);
static struct tls_config	*server_config(const struct conf *,
		    const struct conf_listener *, struct buf *);
static int	 on_alpn(SSL *, const unsigned char **, unsigned char *,
		    const unsigned char *, unsigned, void *);
static void	 name_protocol(SSL_CTX *, enum conf_kind);
static int	 give_key(SSL_CTX *, const struct conf_cert *, struct buf *);
static struct tls_config	*client_config(void);
static void	 on_message(int, int, int, const void *, size_t, SSL *,
		    void *);
static int	 load_store(X509_STORE *, const char *, struct buf *);
static int	 signature_hash(X509 *);
static void	 end_point(SSL *, struct tlsctx_facts *);
static void	 client_key(SSL *, struct tlsctx_facts *);
static void	 reason(struct buf *, const char *, const char *);

/* ---- what libtls makes -------------------------------------------------- */

static _Thread_local SSL	*made;
static _Thread_local SSL_CTX	*made_ctx[CERTS_MAX];
static _Thread_local size_t	 nmade_ctx;
static int			 shown_index = -1;	/* of an SSL */

#ifdef LIBRESSL_VERSION_NUMBER
#define NEW_TYPE	int
#define NEW_RETURN	return (1)
#else
#define NEW_TYPE	void
#define NEW_RETURN	return
#endif

/* The objects are half built: remember where they are, no more. */
static NEW_TYPE
on_ssl(void *parent, void *p, CRYPTO_EX_DATA *ad, int i, long l, void *arg)
{
	(void)p;
	(void)ad;
	(void)i;
	(void)l;
	(void)arg;
	made = parent;
	NEW_RETURN;
}

static NEW_TYPE
on_ctx(void *parent, void *p, CRYPTO_EX_DATA *ad, int i, long l, void *arg)
{
	(void)p;
	(void)ad;
	(void)i;
	(void)l;
	(void)arg;
	if (nmade_ctx < CERTS_MAX)
		made_ctx[nmade_ctx] = parent;
	nmade_ctx++;
	NEW_RETURN;
}

static int
init(void)
{
	static int	 done;

	if (done)
		return (0);
	if (tls_init() == -1 ||
	    CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, NULL, on_ssl, NULL,
	    NULL) == -1 ||
	    CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL, on_ctx,
	    NULL, NULL) == -1 || tlsproof_init() == -1 ||
	    (shown_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0,
	    NULL, NULL, NULL, NULL)) == -1)
		return (-1);
	done = 1;
	return (0);
}

/* libtls keeps its own context there. */
static SSL *
ssl_of(const struct tls *t)
{
	return (made != NULL && SSL_get_app_data(made) == (const void *)t ?
	    made : NULL);
}

void *
tlsctx_ssl(struct tls *t)
{
	SSL	*s = ssl_of(t);

	made = NULL;
	return (s);
}

/* ---- servers ------------------------------------------------------------ */

static void
reason(struct buf *why, const char *what, const char *text)
{
	buf_addf(why, "%s: %s", what, text == NULL ? "no memory" : text);
}

/*
 * Any certificate will do: it is its key that is known, or not.  On port 25
 * nobody is asked: some clients take offence.
 */
static int
asks(const struct conf_listener *l)
{
	return (l->ccert != CCERT_OFF && l->kind != KIND_SMTP);
}

static struct tls_config *
server_config(const struct conf *conf, const struct conf_listener *l,
    struct buf *why)
{
	const struct conf_cert	*certs = conf->certs.v, *c;
	struct tls_config	*cfg;
	const uint8_t		*pem;
	int			 first = 1, rc;

	if ((cfg = tls_config_new()) == NULL)
		return (NULL);
	tls_config_skip_private_key_check(cfg);
	rc = tls_config_set_ciphers(cfg, CIPHERS);
	if (rc == 0)
		rc = tls_config_set_ecdhecurves(cfg, CURVES);
	if (rc == 0)
		rc = tls_config_set_protocols(cfg, TLS_PROTOCOL_TLSv1_2 |
		    TLS_PROTOCOL_TLSv1_3);
	if (rc == -1)
		reason(why, "TLS", tls_config_error(cfg));
	CONF_EACH(uint32_t, i, &l->certs) {
		if (rc == -1)
			break;
		c = &certs[*i];
		pem = (const uint8_t *)c->pem;
		rc = first ? tls_config_set_cert_mem(cfg, pem, strlen(c->pem)) :
		    tls_config_add_keypair_mem(cfg, pem, strlen(c->pem), NULL,
		    0);
		first = 0;
		if (rc == -1)
			reason(why, c->certfile, tls_config_error(cfg));
	}
	if (asks(l)) {
		tls_config_verify_client_optional(cfg);
		tls_config_insecure_noverifycert(cfg);
	}
	if (rc == 0)
		return (cfg);
	tls_config_free(cfg);
	return (NULL);
}

/*
 * RFC 7301: who asks for other protocols alone takes us for another server,
 * perhaps since somebody between led it here.  Who asks for none is right.
 */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
	const char	*ours = arg;
	struct span	 all = span_of(in, inlen), one;

	(void)ssl;
	while (all.n > 0 && span_take(&all, 1, &one) == 0 &&
	    span_take(&all, one.p[0], &one) == 0) {
		if (!span_eqs(one, ours))
			continue;
		*out = one.p;
		*outlen = (unsigned char)one.n;
		return (SSL_TLSEXT_ERR_OK);
	}
	return (SSL_TLSEXT_ERR_ALERT_FATAL);
}

/* The names of RFC 7301's registry.  On port 25 nobody is asked. */
static void
name_protocol(SSL_CTX *ctx, enum conf_kind kind)
{
	static char	 smtp[] = "smtp", imap[] = "imap";

	if (kind != KIND_SMTP)
		SSL_CTX_set_alpn_select_cb(ctx, on_alpn,
		    kind == KIND_IMAP ? imap : smtp);
}

/* The stand-in for the key of this certificate; no sessions to be resumed. */
static int
give_key(SSL_CTX *ctx, const struct conf_cert *c, struct buf *why)
{
	X509		*x = SSL_CTX_get0_certificate(ctx);
	uint8_t		 id[TLSKEY_ID];
	EVP_PKEY	*key;
	int		 rc;

	if (x == NULL || tlskey_id(x, id) == -1 ||
	    memcmp(id, c->key, sizeof(id)) != 0) {
		reason(why, c->certfile, "libtls uses another certificate");
		return (-1);
	}
	if ((key = tlskey_new(x)) == NULL) {
		reason(why, c->certfile, "a key of this kind is not supported; "
		    "RSA, ECDSA and Ed25519 are");
		return (-1);
	}
	rc = SSL_CTX_use_PrivateKey(ctx, key);
	EVP_PKEY_free(key);
	if (rc != 1) {
		reason(why, c->certfile, "its key cannot be used");
		ERR_clear_error();
		return (-1);
	}
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
#ifndef LIBRESSL_VERSION_NUMBER
	SSL_CTX_set_num_tickets(ctx, 0);
	SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT |
	    SSL_OP_NO_RENEGOTIATION);
#endif
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);	/* a flight in one read, not a record's
					 * head, its body, the next one's ... */
	return (0);
}

struct tlsctx *
tlsctx_server(const struct conf *conf, const struct conf_listener *l,
    struct buf *why)
{
	const struct conf_cert	*certs = conf->certs.v;
	struct tls_config	*cfg = NULL;
	struct tlsctx		*t;
	size_t			 i = 0;

	if (l->certs.n == 0 || l->certs.n > CERTS_MAX) {
		reason(why, l->where, "TLS needs a certificate");
		return (NULL);
	}
	if (init() == -1 || (t = calloc(1, sizeof(*t))) == NULL) {
		reason(why, l->where, NULL);
		return (NULL);
	}
	t->refs = 1;
	t->asks = asks(l);
	if ((cfg = server_config(conf, l, why)) == NULL ||
	    (t->tls = tls_server()) == NULL)
		goto err;
	nmade_ctx = 0;
	if (tls_configure(t->tls, cfg) == -1) {
		reason(why, l->where, tls_error(t->tls));
		goto err;
	}
	if (nmade_ctx != l->certs.n) {
		reason(why, l->where, "libtls is not as expected");
		goto err;
	}
	CONF_EACH(uint32_t, k, &l->certs) {
		name_protocol(made_ctx[i], (enum conf_kind)l->kind);
		if (give_key(made_ctx[i++], &certs[*k], why) == -1)
			goto err;
	}
	tls_config_free(cfg);
	return (t);
err:
	tls_config_free(cfg);
	tlsctx_unref(t);
	return (NULL);
}

struct tlsctx *
tlsctx_ref(struct tlsctx *t)
{
	if (t != NULL)
		t->refs++;
	return (t);
}

void
tlsctx_unref(struct tlsctx *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	tls_free(t->tls);
	free(t);
}

struct tls *
tlsctx_accept(struct tlsctx *t, int fd)
{
	struct tls	*conn = NULL;

	if (tls_accept_socket(t->tls, &conn, fd) == -1)
		return (NULL);
	if (t->asks)
		tlsproof_record(ssl_of(conn), MSG_RECORD_MAX);
	return (conn);
}

/* ---- clients ------------------------------------------------------------ */

/* Where systems have the authorities' certificates. */
static const char *const ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Alpine */
	"/etc/ssl/cert.pem",			/* OpenBSD, FreeBSD */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	"/usr/local/etc/ssl/cert.pem",
};

const char *
tlsctx_cafile(void)
{
	size_t	 i;

	for (i = 0; i < nitems(ca_files); i++)
		if (access(ca_files[i], R_OK) == 0)
			return (ca_files[i]);
	return (NULL);
}

static int
load_store(X509_STORE *store, const char *cafile, struct buf *why)
{
	if (cafile == NULL && (cafile = tlsctx_cafile()) == NULL) {
		buf_adds(why, "no authorities' certificates on this system; "
		    "no server can be verified");
		return (-1);
	}
	if (X509_STORE_load_locations(store, cafile, NULL) == 1)
		return (0);
	ERR_clear_error();
	buf_addf(why, "%s: no certificates can be read; no server can be "
	    "verified", cafile);
	return (-1);
}

/* Verifying is left to us: libtls would read all authorities for each
 * connection. */
static struct tls_config *
client_config(void)
{
	struct tls_config	*cfg;

	if ((cfg = tls_config_new()) != NULL) {
		tls_config_insecure_noverifycert(cfg);
		tls_config_insecure_noverifyname(cfg);
	}
	return (cfg);
}

struct tlsctx_client *
tlsctx_client_new(const char *cafile, struct buf *why)
{
	struct tlsctx_client	*c;

	if (init() == -1 || (c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	if ((c->config = client_config()) == NULL ||
	    (c->store = X509_STORE_new()) == NULL) {
		tlsctx_client_free(c);
		return (NULL);
	}
	(void)load_store(c->store, cafile, why);
	return (c);
}

void
tlsctx_client_free(struct tlsctx_client *c)
{
	if (c == NULL)
		return;
	if (c->config != NULL)
		tls_config_clear_keys(c->config);
	tls_config_free(c->config);
	X509_STORE_free(c->store);
	EVP_PKEY_free(c->key);
	free(c);
}

int
tlsctx_client_key(struct tlsctx_client *c, struct span cert, struct span key,
    struct buf *why)
{
	if (tls_config_set_keypair_mem(c->config, cert.p, cert.n, key.p,
	    key.n) == -1) {
		reason(why, "client certificate", tls_config_error(c->config));
		return (-1);
	}
	c->shows = 1;
	return (0);
}

int
tlsctx_client_cert(struct tlsctx_client *c, const struct conf_cert *cert,
    struct buf *why)
{
	struct tls_config	*cfg = client_config();
	EVP_PKEY		*key = NULL;
	BIO			*bio = NULL;
	X509			*x = NULL;
	const char		*wrong = cfg == NULL ? "no memory" : NULL;

	if (wrong == NULL && cert != NULL) {
		tls_config_skip_private_key_check(cfg);
		bio = BIO_new_mem_buf(cert->pem, -1);
		if (bio != NULL)
			x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (x == NULL)
			wrong = "cannot be read";
		else if ((key = tlskey_new(x)) == NULL)
			wrong = "a key of this kind is not supported; RSA, "
			    "ECDSA and Ed25519 are";
		else if (tls_config_set_cert_mem(cfg,
		    (const uint8_t *)cert->pem, strlen(cert->pem)) == -1)
			wrong = tls_config_error(cfg);
	}
	if (wrong != NULL)
		reason(why, cert == NULL ? "TLS" : cert->certfile, wrong);
	BIO_free(bio);
	X509_free(x);
	ERR_clear_error();
	if (wrong != NULL) {
		EVP_PKEY_free(key);
		tls_config_free(cfg);
		return (-1);
	}
	tls_config_free(c->config);	/* connections have theirs */
	EVP_PKEY_free(c->key);
	c->config = cfg;
	c->key = key;
	c->shows = key != NULL;
	return (0);
}

/* The last message of a client that is about its certificate. */
static void
on_message(int sent, int version, int type, const void *p, size_t n, SSL *ssl,
    void *arg)
{
	(void)version;
	(void)arg;
	if (sent && type == SSL3_RT_HANDSHAKE && n > 0 &&
	    *(const uint8_t *)p == SSL3_MT_CERTIFICATE_VERIFY)
		(void)SSL_set_ex_data(ssl, shown_index, &shown_index);
}

int
tlsctx_client_present(struct tlsctx_client *c, const struct io *io)
{
	SSL	*ssl = io_ssl(io);

	if (c->key == NULL)
		return (0);
	if (ssl == NULL || SSL_use_PrivateKey(ssl, c->key) != 1) {
		ERR_clear_error();
		return (-1);
	}
	SSL_set_msg_callback(ssl, on_message);
	return (0);
}

int
tlsctx_client_shows(const struct tlsctx_client *c)
{
	return (c->shows);
}

struct tls *
tlsctx_client_tls(struct tlsctx_client *c)
{
	struct tls	*t;

	if ((t = tls_client()) != NULL && tls_configure(t, c->config) == -1) {
		tls_free(t);
		return (NULL);
	}
	return (t);
}

int
tlsctx_verify_name(struct tlsctx_client *c, const struct io *io,
    const char *name, struct buf *why)
{
	return (tlsctx_verify_ssl(c, io_ssl(io), name, why));
}

int
tlsctx_verify_ssl(struct tlsctx_client *c, void *ssl, const char *name,
    struct buf *why)
{
	X509_VERIFY_PARAM	*param;
	X509_STORE_CTX		*ctx = X509_STORE_CTX_new();
	struct in6_addr		 addr;
	X509			*leaf = NULL;
	int			 ok, rc = -1;

	if (name[0] == '\0') {		/* would be any name */
		buf_adds(why, "no name");
		goto out;
	}
	if (ssl == NULL || ctx == NULL ||
	    (leaf = SSL_get_peer_certificate(ssl)) == NULL) {
		buf_adds(why, "no certificate");
		goto out;
	}
	if (X509_STORE_CTX_init(ctx, c->store, leaf,
	    SSL_get_peer_cert_chain(ssl)) != 1 ||
	    X509_STORE_CTX_set_default(ctx, "ssl_server") != 1) {
		buf_adds(why, "no memory");
		goto out;
	}
	param = X509_STORE_CTX_get0_param(ctx);
	X509_VERIFY_PARAM_set_hostflags(param,
	    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
#ifndef LIBRESSL_VERSION_NUMBER
	X509_VERIFY_PARAM_set_auth_level(param, 2);	/* 112 bits */
#endif
	ok = inet_pton(AF_INET, name, &addr) == 1 ||
	    inet_pton(AF_INET6, name, &addr) == 1 ?
	    X509_VERIFY_PARAM_set1_ip_asc(param, name) :
	    X509_VERIFY_PARAM_set1_host(param, name, strlen(name));
	if (ok != 1)
		buf_adds(why, "not a name that can be verified");
	else if (X509_verify_cert(ctx) != 1)
		buf_adds(why, X509_verify_cert_error_string(
		    X509_STORE_CTX_get_error(ctx)));
	else
		rc = 0;
out:
	ERR_clear_error();
	X509_free(leaf);
	X509_STORE_CTX_free(ctx);
	return (rc);
}

/* ---- connections -------------------------------------------------------- */

/* NID_undef when the signature has none (Ed25519). */
static int
signature_hash(X509 *x)
{
	int	 hash = NID_undef;

#ifdef LIBRESSL_VERSION_NUMBER
	if (OBJ_find_sigid_algs(X509_get_signature_nid(x), &hash, NULL) != 1)
		return (NID_undef);
#else
	if (X509_get_signature_info(x, &hash, NULL, NULL, NULL) != 1)
		return (NID_undef);
#endif
	return (hash == NID_md5 || hash == NID_sha1 ? NID_sha256 : hash);
}

/* RFC 5929, 4.1: by the hash of the certificate's signature. */
static void
end_point(SSL *ssl, struct tlsctx_facts *f)
{
	const EVP_MD	*md;
	unsigned int	 n = sizeof(f->end_point);
	X509		*x, *peer = NULL;

	x = SSL_is_server(ssl) ? SSL_get_certificate(ssl) :
	    (peer = SSL_get_peer_certificate(ssl));
	if (x != NULL &&
	    (md = EVP_get_digestbynid(signature_hash(x))) != NULL &&
	    X509_digest(x, md, f->end_point, &n) == 1)
		f->end_point_n = n;
	X509_free(peer);
}

static void
client_key(SSL *ssl, struct tlsctx_facts *f)
{
	X509	*x;

	if (!SSL_is_server(ssl) || (x = SSL_get_peer_certificate(ssl)) == NULL)
		return;
	if (tlsproof_kind(X509_get0_pubkey(x)) != TLSPROOF_NONE &&
	    tlskey_id(x, f->key) == 0) {
		f->has_key = 1;
		f->record = tlsproof_get(ssl);
	}
	X509_free(x);
}

void
tlsctx_forget(const struct io *io)
{
	if (io_ssl(io) != NULL)
		tlsproof_forget(io_ssl(io));
}

void
tlsctx_facts(const struct io *io, struct tlsctx_facts *f)
{
	tlsctx_facts_ssl(io_tls(io), io_ssl(io), f);
}

void
tlsctx_facts_ssl(struct tls *t, void *ssl, struct tlsctx_facts *f)
{
	static const char	 label[] = "EXPORTER-Channel-Binding";
	int			 new, ems;

	memset(f, 0, sizeof(*f));
	f->version = f->cipher = f->sni = "";
	if (t == NULL || ssl == NULL)
		return;
	if (tls_conn_version(t) != NULL)
		f->version = tls_conn_version(t);
	if (tls_conn_cipher(t) != NULL)
		f->cipher = tls_conn_cipher(t);
	if (tls_conn_servername(t) != NULL)
		f->sni = tls_conn_servername(t);
	new = SSL_version(ssl) >= TLS1_3_VERSION;
#ifdef LIBRESSL_VERSION_NUMBER
	ems = 0;
#else
	ems = !new && SSL_get_extms_support(ssl) == 1;
#endif
	if ((new || ems) && SSL_export_keying_material(ssl, f->exporter, 32,
	    label, sizeof(label) - 1, (const unsigned char *)"", 0, 1) == 1)
		f->exporter_n = 32;
#ifdef LIBRESSL_VERSION_NUMBER
	ems = 1;	/* not to be had; sessions are not resumed at least */
#endif
	/* The first Finished of the handshake; the client's unless resumed. */
	if (!new && ems) {
		f->unique_n = !SSL_is_server(ssl) == !SSL_session_reused(ssl) ?
		    SSL_get_finished(ssl, f->unique, sizeof(f->unique)) :
		    SSL_get_peer_finished(ssl, f->unique, sizeof(f->unique));
		if (f->unique_n > sizeof(f->unique))
			f->unique_n = 0;
	}
	f->shown = !SSL_is_server(ssl) &&
	    SSL_get_ex_data(ssl, shown_index) != NULL;
	end_point(ssl, f);
	client_key(ssl, f);
	ERR_clear_error();
}
