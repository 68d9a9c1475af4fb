/*
 * quickstart: a first configuration, a key with a certificate of its own, and an
 * account with a generated password; then the DNS records to publish.  Nothing
 * that exists is written over.
 */
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <idn2.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl.h"

#define YEARS		10		/* of the first certificate */
#define STARTING	30		/* seconds for authd to come up */
#define PASSWORD_CHARS	20

static void	 take_back(void);
static FILE	*create(const char *dir, const char *name, mode_t mode);
static EVP_PKEY	*make_key(void);
static X509	*make_certificate(EVP_PKEY *, const char *);
static void	 write_configuration(const char *, const char *, const char *,
		    const char *);
static void	 make_password(struct buf *);
static int	 add_account(const char *, const char *, const char *,
		    struct span);
static const char	*options(int, char **, const char **, const char **);
static void	 print_records(const char *, const char *, EVP_PKEY *);

static char	*made[8];	/* files that were not there before */
static size_t	 nmade;

/* At exit: what did not work out can be tried again. */
static void
take_back(void)
{
	while (nmade > 0)
		(void)unlink(made[--nmade]);
}

static FILE *
create(const char *dir, const char *name, mode_t mode)
{
	struct buf	 path = { 0 };
	FILE		*f;
	int		 fd;

	buf_addf(&path, "%s/%s", dir, name);
	fd = open(buf_cstr(&path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    mode);
	if (fd == -1 || (f = fdopen(fd, "w")) == NULL)
		err(EXIT_REFUSED, "%s", buf_cstr(&path));
	if (nmade < nitems(made) &&
	    (made[nmade] = strdup(buf_cstr(&path))) != NULL)
		nmade++;
	buf_free(&path);
	return (f);
}

static EVP_PKEY *
make_key(void)
{
	EVP_PKEY_CTX	*c = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
	EVP_PKEY	*k = NULL;

	if (c == NULL || EVP_PKEY_keygen_init(c) <= 0 ||
	    EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c,
	    NID_X9_62_prime256v1) <= 0 || EVP_PKEY_keygen(c, &k) <= 0)
		errx(EXIT_REFUSED, "cannot make a key");
	EVP_PKEY_CTX_free(c);
	return (k);
}

/* Self-signed, for the host's name. */
static X509 *
make_certificate(EVP_PKEY *key, const char *host)
{
	struct buf	 san = { 0 };
	unsigned char	 serial[16];
	X509_EXTENSION	*ext;
	X509_NAME	*name;
	BIGNUM		*bn;
	X509		*x = X509_new();

	if (x == NULL || RAND_bytes(serial, sizeof(serial)) != 1)
		errx(EXIT_REFUSED, "cannot make a certificate");
	serial[0] &= 0x7f;
	bn = BN_bin2bn(serial, sizeof(serial), NULL);
	BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x));
	BN_free(bn);
	X509_set_version(x, 2);
	X509_gmtime_adj(X509_getm_notBefore(x), -86400);
	X509_time_adj_ex(X509_getm_notAfter(x), 365 * YEARS, 0, NULL);
	X509_set_pubkey(x, key);
	name = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
	    (const unsigned char *)host, -1, -1, 0);
	X509_set_issuer_name(x, name);
	buf_addf(&san, "DNS:%s", host);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
	    buf_cstr(&san));
	if (ext == NULL || X509_add_ext(x, ext, -1) != 1 ||
	    X509_sign(x, key, EVP_sha256()) == 0)
		errx(EXIT_REFUSED, "cannot make a certificate");
	X509_EXTENSION_free(ext);
	buf_free(&san);
	return (x);
}

static void
write_configuration(const char *dir, const char *state, const char *host,
    const char *domain)
{
	FILE	*f = create(dir, "letterlock.conf", 0644);

	fprintf(f, "# See letterlock.conf(5).\n"
	    "hostname \"%s\"\n", host);
	if (strcmp(state, STATEDIR) != 0)
		fprintf(f, "state \"%s\"\n", state);
	if (strcmp(socket_path, RUNDIR "/control.sock") != 0)
		fprintf(f, "control \"%s\"\n", socket_path);
	fprintf(f, "certificate \"%s\" cert \"%s/mail.crt\" key \"%s/mail.key\"\n\n"
	    "listen on all port 25 smtp tls optional\n"
	    "listen on all port 465 submission tls implicit\n"
	    "listen on all port 587 submission tls required\n"
	    "listen on all port 143 imap tls required\n"
	    "listen on all port 993 imap tls implicit\n\n"
	    "domain \"%s\"\n", host, dir, dir, domain);
	if (fclose(f) == EOF)
		err(EXIT_REFUSED, "%s/letterlock.conf", dir);
}

/* Letters and digits that are not taken for one another. */
static void
make_password(struct buf *b)
{
	static const char	 chars[] =
	    "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	int			 i;

	for (i = 0; i < PASSWORD_CHARS; i++)
		buf_addc(b, chars[arc4random_uniform(sizeof(chars) - 1)]);
}

/* Start the service for as long as it takes to make the account. */
static int
add_account(const char *dir, const char *name, const char *address,
    struct span password)
{
	struct msg_ctl_arg	 args[3] = { { span_str(name) },
				    { span_str(address) }, { password } };
	struct ctl_ask		 a = { .verb = "account add", .args = args,
				    .nargs = 3, .stream = -1 };
	struct buf		 conf = { 0 };
	struct ctl		*c = NULL;
	char			 self[4096], *slash;
	ssize_t			 n;
	pid_t			 pid;
	int			 i, rc = EXIT_AWAY, status;

	if ((n = readlink("/proc/self/exe", self, sizeof(self) - 8)) == -1)
		err(EXIT_REFUSED, "/proc/self/exe");
	self[n] = '\0';
	if ((slash = strrchr(self, '/')) != NULL)
		memcpy(slash + 1, "authd", sizeof("authd"));
	buf_addf(&conf, "%s/letterlock.conf", dir);
	if ((pid = fork()) == -1)
		err(EXIT_REFUSED, "fork");
	if (pid == 0) {
		execl(self, "authd", "-d", "-f", buf_cstr(&conf),
		    (char *)NULL);
		warn("%s", self);
		_exit(1);
	}
	for (i = 0; i < STARTING * 10 && rc == EXIT_AWAY; i++) {
		usleep(100000);
		if (waitpid(pid, &status, WNOHANG) == pid)
			errx(EXIT_REFUSED, "authd did not start; see above");
		if (access(socket_path, F_OK) == -1 ||
		    (c = ctl_open(socket_path)) == NULL)
			continue;
		rc = ctl_ask(c, &a);
		ctl_close(c);
	}
	kill(pid, SIGTERM);
	(void)waitpid(pid, &status, 0);
	buf_free(&conf);
	return (rc);
}

static void
print_records(const char *host, const char *domain, EVP_PKEY *key)
{
	unsigned char	*der = NULL, sum[32];
	unsigned int	 n = sizeof(sum);
	int		 len = i2d_PUBKEY(key, &der), i;

	printf("\nPublish in the zone of %s (addresses are this machine's):\n\n",
	    domain);
	printf("%s.\tMX\t10 %s.\n", domain, host);
	printf("%s.\tTXT\t\"v=spf1 mx -all\"\n", domain);
	printf("_dmarc.%s.\tTXT\t\"v=DMARC1; p=reject\"\n", domain);
	printf("%s.\tA\t192.0.2.1\t; this machine's IPv4 address\n", host);
	printf("%s.\tTXT\t\"v=spf1 a -all\"\n", host);
	if (len > 0 && EVP_Digest(der, (size_t)len, sum, &n, EVP_sha256(),
	    NULL) == 1) {
		printf("_25._tcp.%s.\tTLSA\t3 1 1 ", host);
		for (i = 0; i < (int)n; i++)
			printf("%02x", sum[i]);
		printf("\t; with DNSSEC\n");
	}
	OPENSSL_free(der);
	printf("_submissions._tcp.%s.\tSRV\t0 1 465 %s.\n", domain, host);
	printf("_submission._tcp.%s.\tSRV\t0 1 587 %s.\n", domain, host);
	printf("_imaps._tcp.%s.\tSRV\t0 1 993 %s.\n", domain, host);
	printf("\nand the reverse name of its address as %s.\n", host);
}

/* The address, or NULL after saying what is expected. */
static const char *
options(int argc, char **argv, const char **dir, const char **state)
{
	for (; argc > 2 && argv[1][0] == '/'; argc -= 2, argv += 2)
		if (strcmp(argv[0], "-d") == 0)
			*dir = argv[1];
		else if (strcmp(argv[0], "-S") == 0)
			*state = argv[1];
		else
			break;
	if (argc == 1)
		return (argv[0]);
	warnx("usage: letterctl quickstart [-d DIRECTORY] [-S STATE] ADDRESS; "
	    "directories begin with a slash");
	return (NULL);
}

int
quickstart(int argc, char **argv)
{
	struct buf	 password = { 0 }, host = { 0 };
	const char	*dir = SYSCONFDIR, *state = STATEDIR, *address, *at;
	char		*domain = NULL, *name;
	EVP_PKEY	*key;
	X509		*cert;
	FILE		*f;
	int		 rc;

	if ((address = options(argc, argv, &dir, &state)) == NULL)
		return (EXIT_USAGE_);
	if ((at = strrchr(address, '@')) == NULL || at == address ||
	    idn2_lookup_u8((const uint8_t *)at + 1, (uint8_t **)&domain,
	    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK) {
		warnx("%s: not an address", address);
		return (EXIT_USAGE_);
	}
	if ((name = strndup(address, (size_t)(at - address))) == NULL)
		err(EXIT_REFUSED, NULL);
	buf_addf(&host, "mail.%s", domain);
	if (mkdir(dir, 0755) == -1 && errno != EEXIST)
		err(EXIT_REFUSED, "%s", dir);

	if (atexit(take_back) != 0)
		err(EXIT_REFUSED, NULL);
	write_configuration(dir, state, buf_cstr(&host), domain);
	key = make_key();
	cert = make_certificate(key, buf_cstr(&host));
	f = create(dir, "mail.key", 0600);
	if (PEM_write_PKCS8PrivateKey(f, key, NULL, NULL, 0, NULL,
	    NULL) != 1 || fclose(f) == EOF)
		err(EXIT_REFUSED, "%s/mail.key", dir);
	f = create(dir, "mail.crt", 0644);
	if (PEM_write_X509(f, cert) != 1 || fclose(f) == EOF)
		err(EXIT_REFUSED, "%s/mail.crt", dir);
	make_password(&password);
	rc = add_account(dir, name, address, span_buf(&password));
	if (rc == EXIT_OK) {
		nmade = 0;		/* to stay */
		printf("Wrote %s/letterlock.conf, mail.key and mail.crt.\n"
		    "Account %s with the address %s and the password %s\n",
		    dir, name, address, buf_cstr(&password));
		print_records(buf_cstr(&host), domain, key);
		printf("\nStart the service, then replace the certificate by "
		    "one that others know.\n");
	}
	buf_freezero(&password);
	buf_free(&host);
	X509_free(cert);
	EVP_PKEY_free(key);
	free(name);
	idn2_free(domain);
	return (rc);
}
