/* Clients' keys and certificates: made, written, read, refused. */
#include <openssl/evp.h>

#include "clientcert.h"
#include "test.h"

static void
refuse(const char *name, struct span s, const char *want)
{
	struct buf	 why = { .max = 256 };
	EVP_PKEY	*k = clientcert_pem_read(s, &why);

	CHECK(k == NULL && strstr(buf_cstr(&why), want) != NULL, "%s: %s",
	    name, buf_cstr(&why));
	EVP_PKEY_free(k);
	buf_free(&why);
}

static void
test_type(enum clientcert_type type, const char *name)
{
	char		 fp[CLIENTCERT_FINGERPRINT], fp2[CLIENTCERT_FINGERPRINT];
	struct buf	 pem = { 0 }, cert = { 0 }, again = { 0 }, all = { 0 };
	struct buf	 why = { .max = 256 };
	EVP_PKEY	*k = clientcert_key_new(type), *k2, *other;
	X509		*x = clientcert_make(k, "client"), *x2;

	CHECK(k != NULL && x != NULL && X509_check_private_key(x, k) == 1 &&
	    X509_verify(x, k) == 1, "%s: a certificate that its key signed",
	    name);
	CHECK(X509_get_version(x) == 2, "%s: version 3", name);
	CHECK(clientcert_key_pem(&pem, k) == 0 && clientcert_pem(&cert, x) == 0,
	    "%s: written", name);
	k2 = clientcert_key_read(span_buf(&pem), &why);
	CHECK(k2 != NULL && clientcert_fingerprint(k, fp) == 0 &&
	    clientcert_fingerprint(k2, fp2) == 0 && strcmp(fp, fp2) == 0 &&
	    strlen(fp) == 43 && strpbrk(fp, "+/=") == NULL,
	    "%s: read again, %s", name, fp);
	EVP_PKEY_free(k2);
	x2 = clientcert_make(k, "client");
	clientcert_pem(&again, x2);
	CHECK(type != CLIENTCERT_ED25519 ||
	    span_eq(span_buf(&cert), span_buf(&again)), "%s: the same octets",
	    name);
	X509_free(x2);

	buf_add_span(&all, span_buf(&pem));
	refuse("no certificate", span_buf(&all), "no certificate");
	buf_add_span(&all, span_buf(&cert));
	k2 = clientcert_pem_read(span_buf(&all), &why);
	CHECK(k2 != NULL && why.n == 0, "%s: both in one file", name);
	EVP_PKEY_free(k2);
	refuse("no key", span_buf(&cert), "no private key");
	buf_add_span(&all, span_buf(&pem));
	refuse("two keys", span_buf(&all), "two private keys");
	buf_reset(&all);
	other = clientcert_key_new(type);
	clientcert_key_pem(&all, other);
	buf_add_span(&all, span_buf(&cert));
	refuse("another's certificate", span_buf(&all), "not this key's");
	buf_adds(&all, "-----BEGIN X-----\nAAAA\n-----END X-----\n");
	refuse("something else", span_buf(&all), "neither");
	EVP_PKEY_free(other);
	EVP_PKEY_free(k);
	X509_free(x);
	buf_free(&pem);
	buf_free(&cert);
	buf_free(&again);
	buf_free(&all);
	buf_free(&why);
}

int
main(void)
{
	static const struct {
		const char	*name, *text;
		int		 ok;
	} seeds[] = {
		{ "octets", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", 1 },
		{ "line end", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\n",
		  1 },
		{ "other alphabet",
		  "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", 0 },
		{ "padding", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=",
		  0 },
		{ "short", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2", 0 },
		{ "stray bits", "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2B",
		  0 },
		{ "empty", "", 0 },
	};
	struct buf	 why = { .max = 256 };
	/* RFC 8032, section 7.1, test 1 */
	static const uint8_t want[4] = { 0xd7, 0x5a, 0x98, 0x01 };
	uint8_t		 pub[32];
	size_t		 i, n = sizeof(pub);
	EVP_PKEY	*k;

	for (i = 0; i < nitems(seeds); i++) {
		buf_reset(&why);
		k = clientcert_key_read(span_str(seeds[i].text), &why);
		CHECK((k != NULL) == seeds[i].ok && (why.n == 0) ==
		    seeds[i].ok, "seed %s", seeds[i].name);
		if (i == 0)
			CHECK(EVP_PKEY_get_raw_public_key(k, pub, &n) == 1 &&
			    memcmp(pub, want, sizeof(want)) == 0,
			    "the public key of RFC 8032");
		EVP_PKEY_free(k);
	}
	buf_free(&why);
	test_type(CLIENTCERT_ED25519, "Ed25519");
	test_type(CLIENTCERT_ECDSA_P256, "ECDSA");
	return (test_done());
}
