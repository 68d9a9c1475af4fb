/*
 * Certificates and keys for tests, made on the spot.
 */
#ifndef CERTS_H
#define CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"

enum kind {
	RSA2048, RSA1024, RSAPSS, P224, P256, P384, P521, ED25519, ED448, NKINDS
};

static inline EVP_PKEY *
make_key(enum kind kind)
{
	EVP_PKEY_CTX	*ctx;
	EVP_PKEY	*key = NULL;

	switch (kind) {
	case RSA2048:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
	case RSA1024:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024));
	case RSAPSS:
		ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
		if (EVP_PKEY_keygen_init(ctx) == 1 &&
		    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1)
			(void)EVP_PKEY_keygen(ctx, &key);
		EVP_PKEY_CTX_free(ctx);
		return (key);
	case P224:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-224"));
	case P256:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	case P384:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
	case P521:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-521"));
	case ED25519:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
	default:
		return (EVP_PKEY_Q_keygen(NULL, NULL, "ED448"));
	}
}

/* Self-signed, for one name, valid from now on for so many seconds. */
static inline X509 *
make_certificate(EVP_PKEY *key, const char *name, long seconds)
{
	X509_EXTENSION	*ext;
	X509_NAME	*n;
	X509		*x = X509_new();
	char		 alt[128];
	int		 id = EVP_PKEY_base_id(key);

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), seconds);
	X509_set_pubkey(x, key);
	n = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, n);
	snprintf(alt, sizeof(alt), "DNS:%s,IP:192.0.2.1", name);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, alt);
	X509_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	X509_sign(x, key, id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ?
	    NULL : EVP_sha256());
	return (x);
}

/* In an unlinked file. */
static inline int
key_file(EVP_PKEY *key)
{
	int	 fd = memfd_create("key", MFD_CLOEXEC);
	FILE	*f = fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w");

	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	return (fd);
}

/* A certificate as the parent loads it; its key's file. */
static inline int
make_conf_cert(struct conf_cert *c, enum kind kind, const char *name)
{
	EVP_PKEY	*key = make_key(kind);
	X509		*x = make_certificate(key, name, 3600);
	unsigned char	*der = NULL;
	unsigned int	 n = sizeof(c->key);
	BIO		*bio = BIO_new(BIO_s_mem());
	char		*pem;
	long		 len;
	int		 fd = key_file(key);

	PEM_write_bio_X509(bio, x);
	len = BIO_get_mem_data(bio, &pem);
	c->pem = strndup(pem, (size_t)len);
	c->name = strdup(name);
	c->certfile = strdup(name);
	c->keyfile = strdup(name);
	c->where = strdup("test:1");
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	EVP_Digest(der, (size_t)len, c->key, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	BIO_free(bio);
	X509_free(x);
	EVP_PKEY_free(key);
	return (fd);
}

#endif
