/*
 * dnscheck: the DKIM keys of a domain, RFC 6376 section 3.6.1.  We sign nothing:
 * who does says under which selectors its keys are to be found.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <string.h>

#include "dnscheck.h"

/* RFC 8301 section 3.2: a shorter key does not count; what is signed with. */
#define RSA_LEAST	1024
#define RSA_BETTER	2048

#define ED25519_OCTETS	32		/* RFC 8463 section 4.2 */

static int	 key_octets(struct span, struct buf *);
static int	 rsa_bits(struct span);
static const char	*wrong_key(struct span, int *bits);

/* There may be white space anywhere in it. */
static int
key_octets(struct span text, struct buf *out)
{
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < text.n; i++)
		if (memchr(" \t\r\n", text.p[i], 4) == NULL)
			buf_addc(&b, text.p[i]);
	rc = buf_add_unbase64(out, span_buf(&b));
	buf_free(&b);
	return (rc);
}

/* Of a SubjectPublicKeyInfo; 0: it is none of RSA. */
static int
rsa_bits(struct span s)
{
	const unsigned char	*p = s.p;
	EVP_PKEY		*key = d2i_PUBKEY(NULL, &p, (long)s.n);
	int			 bits = 0;

	if (key != NULL && EVP_PKEY_base_id(key) == EVP_PKEY_RSA)
		bits = EVP_PKEY_bits(key);
	EVP_PKEY_free(key);
	return (bits);
}

/* What is wrong with a record, or NULL; the bits of an RSA key, or 0. */
static const char *
wrong_key(struct span s, int *bits)
{
	struct buf	 key = { 0 };
	struct span	 v, p, k = span_str("rsa");
	const char	*wrong = NULL;

	*bits = 0;
	if (text_tag(s, "v", &v) && !span_eqs(v, "DKIM1"))
		return ("its v= is not DKIM1");
	if (!text_tag(s, "p", &p))
		return ("it says no p=");
	if (p.n == 0)
		return ("the key is revoked");
	(void)text_tag(s, "k", &k);
	if (key_octets(p, &key) == -1)
		wrong = "its p= is no base64";
	else if (span_eqs(k, "ed25519"))
		wrong = key.n == ED25519_OCTETS ? NULL :
		    "its p= is no key of Ed25519";
	else if (!span_eqs(k, "rsa"))
		wrong = "its k= is neither rsa nor ed25519";
	else if ((*bits = rsa_bits(span_buf(&key))) == 0)
		wrong = "its p= is no key of RSA";
	else if (*bits < RSA_LEAST)
		wrong = "the key is too short to count";
	buf_free(&key);
	return (wrong);
}

void
check_dkim(struct ctl *ctl, const char *domain, const char *selector)
{
	struct buf	 name = { 0 }, text = { 0 };
	struct span	 t;
	const char	*wrong;
	int		 n, bits;

	buf_addf(&name, "%s._domainkey.%s", selector, domain);
	n = text_record(ctl, buf_cstr(&name), "", &text);
	if (n == -1)
		dns_say(ERROR, "DKIM", "%s: no answer", buf_cstr(&name));
	else if (n == 0)
		dns_say(ERROR, "DKIM", "%s: there is no key: its signatures "
		    "do not count", buf_cstr(&name));
	else if (n > 1)
		dns_say(ERROR, "DKIM", "%s: several records", buf_cstr(&name));
	else if ((wrong = wrong_key(span_buf(&text), &bits)) != NULL)
		dns_say(ERROR, "DKIM", "%s: %s", buf_cstr(&name), wrong);
	else if (bits > 0 && bits < RSA_BETTER)
		dns_say(WARNING, "DKIM", "%s: a key of %d bits, where %d are "
		    "asked for", buf_cstr(&name), bits, RSA_BETTER);
	else if (text_tag(span_buf(&text), "t", &t) && span_find(t, 'y') != -1)
		dns_say(WARNING, "DKIM", "%s: t=y: others treat it as a test",
		    buf_cstr(&name));
	else
		dns_say(OK, "DKIM", "%s: there is a key", buf_cstr(&name));
	buf_free(&name);
	buf_free(&text);
}
