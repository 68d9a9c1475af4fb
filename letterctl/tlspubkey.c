/*
 * Public keys of clients: taking a certificate apart, so that the service needs
 * not, and showing what is registered.
 */
#include <err.h>
#include <json-c/json.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define CERT_MAX	6000	/* a longer one is not sent along */
#define NAME_MAX_	128	/* octets of a name */
#define LINE		64	/* of PEM */

/* What is registered of the file that was read. */
struct pubkey {
	struct buf	 spki, cert, name;
};

static void	 pubkey_free(struct pubkey *);
static int	 read_pem(FILE *, struct pubkey *);
static int	 take_certificate(const uint8_t *, long, struct pubkey *);
static int	 take_key(const uint8_t *, long, struct pubkey *);
static void	 name_of(X509 *, struct buf *);
static void	 add_printable(struct buf *, const uint8_t *, size_t);
static int	 ask(const char *, struct msg_ctl_arg *, size_t,
		    void (*)(void *, struct span), void *);
static void	 show_row(void *, struct span);
static void	 pem(const char *, const char *);

static void
pubkey_free(struct pubkey *k)
{
	buf_free(&k->spki);
	buf_free(&k->cert);
	buf_free(&k->name);
}

/* ---- certificates ----------------------------------------------------------- */

/* As much as fits, without half a character, controls as '?'. */
static void
add_printable(struct buf *b, const uint8_t *p, size_t n)
{
	size_t	 i;

	if (n > NAME_MAX_)
		for (n = NAME_MAX_; n > 0 && (p[n] & 0xc0) == 0x80; n--)
			continue;
	for (i = 0; i < n; i++)
		buf_addc(b, p[i] < 0x20 || p[i] == 0x7f ? '?' : p[i]);
}

/* Its common name, else its serial number. */
static void
name_of(X509 *x, struct buf *out)
{
	X509_NAME	*subject = X509_get_subject_name(x);
	BIGNUM		*serial;
	unsigned char	*text = NULL;
	char		*hex = NULL;
	int		 at = X509_NAME_get_index_by_NID(subject,
			    NID_commonName, -1), n = 0;

	if (at >= 0 && (n = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(
	    X509_NAME_get_entry(subject, at)))) > 0)
		add_printable(out, text, (size_t)n);
	OPENSSL_free(text);
	if (out->n > 0)
		return;
	serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	if (serial != NULL)
		hex = BN_bn2hex(serial);
	buf_addf(out, "serial %.100s", hex == NULL ? "0" : hex);
	OPENSSL_free(hex);
	BN_free(serial);
}

static int
take_certificate(const uint8_t *der, long n, struct pubkey *k)
{
	const unsigned char	*p = der;
	unsigned char		*spki = NULL;
	X509			*x = d2i_X509(NULL, &p, n);
	int			 len;

	if (x == NULL || p != der + n || (len = i2d_X509_PUBKEY(
	    X509_get_X509_PUBKEY(x), &spki)) <= 0) {
		warnx("the certificate does not decode");
		X509_free(x);
		return (-1);
	}
	buf_add(&k->spki, spki, (size_t)len);
	if (n <= CERT_MAX)
		buf_add(&k->cert, der, (size_t)n);
	name_of(x, &k->name);
	OPENSSL_free(spki);
	X509_free(x);
	return (0);
}

static int
take_key(const uint8_t *der, long n, struct pubkey *k)
{
	buf_add(&k->spki, der, (size_t)n);
	buf_adds(&k->name, "public key");
	return (0);
}

/* The first block says what it is; what follows is not looked at. */
static int
read_pem(FILE *f, struct pubkey *k)
{
	char		*name = NULL, *header = NULL;
	unsigned char	*der = NULL;
	long		 n = 0;
	int		 rc = -1;

	if (PEM_read(f, &name, &header, &der, &n) != 1)
		warnx("standard input has no certificate in PEM form");
	else if (strcmp(name, PEM_STRING_X509) == 0)
		rc = take_certificate(der, n, k);
	else if (strcmp(name, PEM_STRING_PUBLIC) == 0)
		rc = take_key(der, n, k);
	else if (strstr(name, "PRIVATE KEY") != NULL)
		warnx("standard input begins with a private key, which stays "
		    "with the client: give the certificate alone");
	else
		warnx("standard input begins with \"%.64s\": a certificate "
		    "is to come first", name);
	if (n > 0 && der != NULL)
		OPENSSL_cleanse(der, (size_t)n);
	OPENSSL_free(name);
	OPENSSL_free(header);
	OPENSSL_free(der);
	if (rc == 0 && (buf_failed(&k->spki) || buf_failed(&k->cert) ||
	    buf_failed(&k->name)))
		err(EXIT_USAGE_, NULL);
	return (rc);
}

/* ---- commands ------------------------------------------------------------------ */

static int
ask(const char *verb, struct msg_ctl_arg *args, size_t n,
    void (*row)(void *, struct span), void *arg)
{
	struct ctl_ask	 a = { .verb = verb, .args = args, .nargs = n,
			    .stream = -1, .row = row, .arg = arg };
	struct ctl	*ctl = ctl_open(socket_path);
	int		 rc;

	if (ctl == NULL)
		return (EXIT_AWAY);
	if (row == NULL && !ctl_json)
		a.text = say;
	rc = ctl_ask(ctl, &a);
	ctl_close(ctl);
	return (rc);
}

int
tlspubkey_add(int argc, char **argv)
{
	struct msg_ctl_arg	 args[5];
	struct pubkey		 k = { { 0 }, { 0 }, { 0 } };
	const char		*preauth = "yes";
	int			 rc;

	if (argc > 0 && strcmp(argv[0], "--no-imap-preauth") == 0) {
		preauth = "no";
		argc--;
		argv++;
	}
	if (argc < 1 || argc > 2 || strncmp(argv[0], "--", 2) == 0) {
		fprintf(stderr, "usage: letterctl tlspubkey add "
		    "[--no-imap-preauth] ADDRESS [NAME] <CERTIFICATE\n");
		return (EXIT_USAGE_);
	}
	if (isatty(STDIN_FILENO))
		fprintf(stderr, "certificate (PEM), then end of file:\n");
	if (read_pem(stdin, &k) == -1) {
		pubkey_free(&k);
		return (EXIT_USAGE_);
	}
	args[0].arg = span_str(argv[0]);
	args[1].arg = argc == 2 ? span_str(argv[1]) : span_buf(&k.name);
	args[2].arg = span_str(preauth);
	args[3].arg = span_buf(&k.spki);
	args[4].arg = span_buf(&k.cert);
	rc = ask("tlspubkey add", args, nitems(args), NULL, NULL);
	pubkey_free(&k);
	return (rc);
}

int
tlspubkey_update(int argc, char **argv)
{
	struct msg_ctl_arg	 args[4] = { { { 0 } } };
	int			 i;

	args[0].arg = span_str(argv[0]);
	for (i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--name") == 0 && i + 1 < argc)
			args[1].arg = span_str(argv[++i]);
		else if (strcmp(argv[i], "--address") == 0 && i + 1 < argc)
			args[2].arg = span_str(argv[++i]);
		else if (strcmp(argv[i], "--imap-preauth") == 0)
			args[3].arg = span_str("yes");
		else if (strcmp(argv[i], "--no-imap-preauth") == 0)
			args[3].arg = span_str("no");
		else {
			fprintf(stderr, "usage: letterctl tlspubkey update "
			    "FINGERPRINT [--name NAME] [--address ADDRESS] "
			    "[--[no-]imap-preauth]\n");
			return (EXIT_USAGE_);
		}
	}
	return (ask("tlspubkey update", args, nitems(args), NULL, NULL));
}

/* Base64 on lines. */
static void
pem(const char *name, const char *base64)
{
	size_t	 n = strlen(base64), k;

	printf("-----BEGIN %s-----\n", name);
	for (; n > 0; n -= k, base64 += k) {
		k = n < LINE ? n : LINE;
		printf("%.*s\n", (int)k, base64);
	}
	printf("-----END %s-----\n", name);
}

static void
show_row(void *arg, struct span row)
{
	static const struct {
		const char	*member, *name;
	} blocks[] = {
		{ "certificate", PEM_STRING_X509 },
		{ "public_key", PEM_STRING_PUBLIC },
	};
	struct json_object	*o, *v, *shown = NULL;
	char			*text = span_dup(row);
	const char		*as = NULL;
	size_t			 i;

	if (text == NULL || (o = json_tokener_parse(text)) == NULL)
		errx(EXIT_AWAY, "malformed answer from the service");
	free(text);
	/* the certificate has the key in it */
	for (i = 0; i < nitems(blocks); i++)
		if (json_object_object_get_ex(o, blocks[i].member, &v)) {
			if (shown == NULL) {
				shown = json_object_get(v);
				as = blocks[i].name;
			}
			json_object_object_del(o, blocks[i].member);
		}
	text = strdup(json_object_to_json_string(o));
	if (text == NULL)
		err(EXIT_AWAY, NULL);
	list_row(arg, span_str(text));
	if (shown != NULL)
		pem(as, json_object_get_string(shown));
	json_object_put(shown);
	free(text);
	json_object_put(o);
}

int
tlspubkey_show(int argc, char **argv)
{
	struct list_ctx		*l = list_new("", ctl_json);
	struct msg_ctl_arg	 arg = { span_str(argv[0]) };
	int			 rc;

	(void)argc;
	rc = ask("tlspubkey show", &arg, 1, ctl_json ? list_row : show_row, l);
	(void)list_end(l);
	return (rc);
}
