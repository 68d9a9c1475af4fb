/*
 * netclient(3) with its engines, led by a test: one session, and what became of
 * it as lines "word text".
 *
 *	clientlib smtp|imap HOST PORT word=value ...
 *
 * tls=off|start|implicit ca=FILE name=NAME tls12=1 unverified=1 user=NAME
 * password=TEXT authzid=NAME mech=NAME clear=1 (the engine may log in without
 * TLS) cleartext=1 (so may PLAIN and LOGIN) login=0 cert=FILE (certificate and
 * key) key=FILE (a key alone) command=1 (IMAP: LOGIN instead of AUTHENTICATE)
 * from=ADDRESS to=ADDRESS (SMTP: send a message)
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clientcert.h"
#include "netclient.h"

static char	**words;

static const char	 text[] =
    "From: <alice@letterlock.test>\r\n"
    "Subject: from clientlib\r\n\r\nHello.\r\n";

static const char *
word(const char *name)
{
	size_t	 n = strlen(name);
	char	**w;

	for (w = words; *w != NULL; w++)
		if (strncmp(*w, name, n) == 0 && (*w)[n] == '=')
			return (*w + n + 1);
	return (NULL);
}

static struct span
value(const char *name)
{
	return (span_str(word(name) != NULL ? word(name) : ""));
}

static int
is(const char *name, const char *want)
{
	return (word(name) != NULL && strcmp(word(name), want) == 0);
}

static int
slurp(const char *path, struct buf *b)
{
	FILE	*f = fopen(path, "r");
	size_t	 n;
	uint8_t	*p;

	if (f == NULL)
		return (-1);
	while ((p = buf_reserve(b, 4096)) != NULL &&
	    (n = fread(p, 1, 4096, f)) > 0)
		buf_commit(b, n);
	fclose(f);
	return (p == NULL ? -1 : 0);
}

/* The certificate to show; 0 when there is none to. */
static int
show(struct tlsctx_client *c, struct buf *why)
{
	const char	*path = word("cert") != NULL ? word("cert") :
			    word("key");
	struct buf	 file = { .max = CLIENTCERT_PEM_MAX };
	struct buf	 cert = { 0 }, key = { 0 };
	EVP_PKEY	*k = NULL;
	X509		*x = NULL;
	int		 rc = -1;

	if (path == NULL)
		return (0);
	if (slurp(path, &file) == -1)
		buf_adds(why, path);
	else if (word("cert") != NULL) {
		if ((k = clientcert_pem_read(span_buf(&file), why)) != NULL)
			rc = tlsctx_client_key(c, span_buf(&file),
			    span_buf(&file), why);
	} else if ((k = clientcert_key_read(span_buf(&file), why)) != NULL &&
	    (x = clientcert_make(k, "clientlib")) != NULL &&
	    clientcert_pem(&cert, x) == 0 && clientcert_key_pem(&key, k) == 0)
		rc = tlsctx_client_key(c, span_buf(&cert), span_buf(&key),
		    why);
	X509_free(x);
	EVP_PKEY_free(k);
	buf_freezero(&file);
	buf_freezero(&key);
	buf_free(&cert);
	return (rc);
}

static void
trace(void *arg, int sent, struct span s)
{
	(void)arg;
	printf("%s %.*s\n", sent ? "C:" : "S:", (int)s.n, (const char *)s.p);
}

static void
said(const char *name, int ok, const char *why)
{
	printf("%s %s\n", name, ok ? "ok" : why);
}

static void
imap(struct netlogin *l)
{
	struct imapclient_settings	 set = { .trace = trace,
		.tls = is("tls", "start") ? IMAPCLIENT_TLS_REQUIRED :
		    is("tls", "implicit") ? IMAPCLIENT_TLS_IMPLICIT :
		    IMAPCLIENT_TLS_OFF,
		.in_clear = is("clear", "1"), .sasl_arg = l };
	struct imapclient		*c;
	enum imapclient_want		 want;

	if (!is("login", "0") && !is("command", "1"))
		set.sasl = netlogin_imap;
	if ((c = imapclient_new(&set)) == NULL)
		return;
	want = netclient_imap(l->net, c);
	said("session", want == IMAPCLIENT_READY, imapclient_error(c));
	if (want == IMAPCLIENT_READY && is("command", "1")) {
		said("begin", imapclient_login(c, l->who.user,
		    l->who.password) == 0, "refused");
		want = netclient_imap(l->net, c);
		said("command", imapclient_result(c) == IMAPCLIENT_OK,
		    imapclient_text(c));
	}
	printf("preauth %d\nlogged-in %d\n", imapclient_preauth(c),
	    imapclient_authenticated(c));
	if (want == IMAPCLIENT_READY && imapclient_authenticated(c)) {
		if (imapclient_begin(c, "SELECT") == 0 &&
		    imapclient_string(c, span_str("INBOX")) == 0)
			want = netclient_imap(l->net, c);
		said("select", imapclient_result(c) == IMAPCLIENT_OK,
		    imapclient_text(c));
	}
	if (want == IMAPCLIENT_READY && imapclient_logout(c) == 0)
		said("logout", netclient_imap(l->net, c) == IMAPCLIENT_END,
		    imapclient_error(c));
	imapclient_free(c);
}

static ssize_t
read_text(void *arg, uint64_t off, void *p, size_t n)
{
	(void)arg;
	if (off >= sizeof(text) - 1)
		return (0);
	n = n < sizeof(text) - 1 - off ? n : (size_t)(sizeof(text) - 1 - off);
	memcpy(p, text + off, n);
	return ((ssize_t)n);
}

static void
message(struct netlogin *l, struct smtpclient *c)
{
	struct smtpclient_rcpt		 to = { .address = value("to") };
	struct smtpclient_message	 m = { .from = value("from"),
		.read = read_text, .size = sizeof(text) - 1, .rcpts = &to,
		.nrcpts = 1 };

	smtpclient_send(c, &m);
	(void)netclient_smtp(l->net, c);
	printf("message %u %s %s\n", to.result.code, to.result.enhanced,
	    to.result.text);
	smtpclient_results_free(&m);
}

static void
smtp(struct netlogin *l)
{
	struct smtpclient_settings	 set = { .hostname = "localhost",
		.trace = trace,
		.tls = is("tls", "start") ? SMTPCLIENT_TLS_REQUIRED :
		    is("tls", "implicit") ? SMTPCLIENT_TLS_IMPLICIT :
		    SMTPCLIENT_TLS_OFF,
		.sasl_in_clear = is("clear", "1"), .arg = l };
	struct smtpclient		*c;
	int				 ready;

	if (!is("login", "0"))
		set.sasl = netlogin_smtp;
	if ((c = smtpclient_new(&set)) == NULL)
		return;
	ready = netclient_smtp(l->net, c) == SMTPCLIENT_READY;
	said("session", ready, ready ? "" : smtpclient_error(c)->text);
	if (ready && word("to") != NULL)
		message(l, c);
	if (ready) {
		smtpclient_quit(c);
		said("logout", netclient_smtp(l->net, c) == SMTPCLIENT_END,
		    "no");
	}
	smtpclient_free(c);
}

static int
run(int is_imap, struct netclient_settings *set, struct buf *why)
{
	struct netlogin		 l = { .used = SASL_MECHS };
	struct tlsctx_facts	 f;
	enum sasl_mech		 mech;

	if (word("mech") != NULL) {
		mech = sasl_mech_by_name(value("mech"));
		l.order = &mech;
		l.norder = 1;
	}
	l.who.user = value("user");
	l.who.authzid = value("authzid");
	l.who.password = value("password");
	l.who.cleartext = is("cleartext", "1");
	if (show(set->tls, why) == -1)
		return (-1);
	if ((l.net = netclient_open(set, why)) == NULL)
		return (-1);
	printf("peer %s\n", netclient_peer(l.net));
	if (is("tls", "implicit") && netclient_tls(l.net) == -1) {
		buf_adds(why, netclient_error(l.net));
		netclient_free(l.net);
		return (-1);
	}
	if (is_imap)
		imap(&l);
	else
		smtp(&l);
	printf("tls %s\n", netclient_facts(l.net, &f) ? f.version : "no");
	printf("mech %s\n", l.used == SASL_MECHS ? "none" :
	    sasl_mech_names[l.used]);
	if (l.error != NULL)
		printf("login %s\n", l.error);
	netlogin_clear(&l);
	netclient_free(l.net);
	return (0);
}

int
main(int argc, char **argv)
{
	struct netclient_settings	 set = { .session = 60 };
	struct buf			 why = { .max = 1000 };
	int				 rc;

	if (argc < 4)
		return (2);
	signal(SIGPIPE, SIG_IGN);
	words = argv + 4;
	set.host = argv[2];
	set.port = argv[3];
	set.tlsname = word("name");
	set.tls12 = is("tls12", "1");
	set.unverified = is("unverified", "1");
	set.tls = tlsctx_client_new(word("ca"), &why);
	buf_reset(&why);
	if (set.tls == NULL)
		return (2);
	if ((rc = run(strcmp(argv[1], "imap") == 0, &set, &why)) == -1)
		printf("failed %s\n", buf_cstr(&why));
	tlsctx_client_free(set.tls);
	buf_free(&why);
	return (rc == -1);
}
