/*
 * sendmail(8): see letterctl/sendmail.h for the parts.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "dns.h"
#include "letterctl/sendmail.h"

#define SYSTEM_CONF	SYSCONFDIR "/sendmail.conf"
#define SYSTEM_SOCKET	RUNDIR "/submit"
#define USER_CONF	".config/letterlock/sendmail.conf"
#define USER_FAILURES	"letterlock.failures"

struct sendmail {
	struct sendmail_args	 args;
	struct sendmail_conf	 conf;
	struct sendmail_message	 msg;
	struct smtpclient_message	 m;
	struct smtpclient_rcpt	*rcpts;
	struct passwd		*pw;	/* may be NULL */
	struct buf		 raw, sender, why;
};

static int	 configure(struct sendmail *);
static void	 defaults(struct sendmail *);
static void	 qualify(char **, const char *);
static int	 compose(struct sendmail *);
static int	 addressees(struct sendmail *);
static int	 keep(struct sendmail *, int);
static ssize_t	 read_text(void *, uint64_t, void *, size_t);
static char	*path_of(const char *, const char *);

static char *
path_of(const char *dir, const char *name)
{
	struct buf	 b = { .max = 4096 };
	char		*p;

	buf_addf(&b, "%s/%s", dir, name);
	p = span_dup(span_buf(&b));
	buf_free(&b);
	return (p);
}

/*
 * A user's own configuration before the system's.  The system's may be readable
 * by a group that we have as a setgid program alone: whatever the user names is
 * read without it, and after this nobody has it any more.
 */
static int
configure(struct sendmail *s)
{
	const char	*home = getenv("HOME");
	gid_t		 real = getgid(), group = getegid();
	char		*path;
	int		 rc = EX_NOINPUT;

	if (setegid(real) == -1)
		err(EX_OSERR, "setegid");
	if (home == NULL || *home != '/')
		home = s->pw == NULL ? NULL : s->pw->pw_dir;
	if (s->args.conf != NULL) {
		rc = sendmail_conf_load(&s->conf, s->args.conf, &s->why);
		if (rc == EX_NOINPUT) {
			buf_addf(&s->why, "%s: %s", s->args.conf,
			    strerror(ENOENT));
			rc = EX_CONFIG;
		}
	} else if (home != NULL && (path = path_of(home, USER_CONF)) != NULL) {
		rc = sendmail_conf_load(&s->conf, path, &s->why);
		free(path);
	}
	if (rc == EX_NOINPUT) {
		if (setegid(group) == -1)
			err(EX_OSERR, "setegid");
		rc = sendmail_conf_load(&s->conf, SYSTEM_CONF, &s->why);
	}
	if (setresgid(real, real, real) == -1)
		err(EX_OSERR, "setresgid");
	return (rc == EX_NOINPUT ? 0 : rc);	/* nothing is fine */
}

/* What the configuration does not say. */
static void
defaults(struct sendmail *s)
{
	struct sendmail_conf	*c = &s->conf;
	struct addrinfo		 hints = { .ai_flags = AI_CANONNAME }, *a;
	char			 host[DNS_HOST_MAX + 2];
	const char		*at;

	if (c->hostname == NULL) {
		if (gethostname(host, sizeof(host)) == -1)
			host[0] = '\0';
		host[sizeof(host) - 1] = '\0';
		if (strchr(host, '.') == NULL &&
		    getaddrinfo(host, NULL, &hints, &a) == 0) {
			if (a->ai_canonname != NULL &&
			    strlen(a->ai_canonname) < sizeof(host))
				memcpy(host, a->ai_canonname,
				    strlen(a->ai_canonname) + 1);
			freeaddrinfo(a);
		}
		c->hostname = strdup(dns_host_valid(span_str(host)) ? host :
		    "localhost");
	}
	if (c->domain == NULL) {
		at = c->from == NULL ? NULL : strrchr(c->from, '@');
		c->domain = strdup(at != NULL ? at + 1 : c->hostname == NULL ?
		    "localhost" : c->hostname);
	}
	if (c->server == NULL && c->socket == NULL)
		c->socket = strdup(SYSTEM_SOCKET);
	if (c->hostname == NULL || c->domain == NULL)
		err(EX_OSERR, NULL);
}

static void
qualify(char **a, const char *domain)
{
	struct buf	 b = { 0 };

	if (strrchr(*a, '@') != NULL)
		return;
	address_write_spec(&b, span_str(*a), span_str(domain));
	free(*a);
	if ((*a = span_dup(span_buf(&b))) == NULL)
		err(EX_OSERR, NULL);
	buf_free(&b);
}

static int
compose(struct sendmail *s)
{
	struct sendmail_facts	 facts = { 0 };
	struct buf		 from = { 0 };
	const char		*name = s->args.name, *at, *user;
	struct tm		 tm;
	time_t			 now = time(NULL);
	int			 rc;

	user = s->pw == NULL ? "nobody" : s->pw->pw_name;
	if (s->args.null_sender)
		;
	else if (s->args.sender != NULL) {
		qualify(&s->args.sender, s->conf.domain);
		buf_adds(&s->sender, s->args.sender);
	} else if (s->conf.from != NULL)
		buf_adds(&s->sender, s->conf.from);
	else
		address_write_spec(&s->sender, span_str(user),
		    span_str(s->conf.domain));
	if (name == NULL && (name = getenv("NAME")) == NULL)
		name = "";
	if (s->sender.n > 0 && (at = strrchr(buf_cstr(&s->sender), '@')) != NULL)
		address_write(&from, span_str(name), span_of(s->sender.p,
		    (size_t)(at - (const char *)s->sender.p)),
		    span_str(at + 1));
	else
		address_write(&from, span_str(name), span_str(user),
		    span_str(s->conf.domain));
	facts.from = span_buf(&from);
	facts.host = s->conf.domain;
	facts.now = now;
	facts.zone = localtime_r(&now, &tm) == NULL ? 0 :
	    (int)(tm.tm_gmtoff / 60);
	facts.tls_optional = s->conf.requiretls == -1;
	facts.recipients = s->args.from_header;
	if (RAND_bytes(facts.random, sizeof(facts.random)) != 1)
		errx(EX_OSERR, "no random octets");
	rc = sendmail_compose(&s->msg, span_buf(&s->raw), &facts, &s->why);
	buf_free(&from);
	return (rc);
}

static ssize_t
read_text(void *arg, uint64_t off, void *p, size_t n)
{
	const struct buf	*b = arg;

	if (off >= b->n)
		return (0);
	if (n > b->n - off)
		n = (size_t)(b->n - off);
	memcpy(p, b->p + off, n);
	return ((ssize_t)n);
}

/* The envelope. */
static int
addressees(struct sendmail *s)
{
	struct sendmail_list	*lists[] = { &s->args.rcpts, &s->msg.rcpts };
	size_t			 i, j, k;

	s->rcpts = calloc(s->args.rcpts.n + s->msg.rcpts.n + 1,
	    sizeof(*s->rcpts));
	if (s->rcpts == NULL)
		err(EX_OSERR, NULL);
	s->m.rcpts = s->rcpts;
	s->m.from = span_buf(&s->sender);
	s->m.utf8 = s->msg.header8;
	for (i = 0; i < s->sender.n; i++)
		s->m.utf8 |= s->sender.p[i] > 127;
	for (k = 0; k < nitems(lists); k++)
		for (i = 0; i < lists[k]->n; i++) {
			qualify(&lists[k]->v[i], s->conf.domain);
			for (j = 0; j < s->m.nrcpts; j++)
				if (span_eqs(s->rcpts[j].address,
				    lists[k]->v[i]))
					break;
			if (j < s->m.nrcpts)
				continue;
			s->rcpts[j].address = span_str(lists[k]->v[i]);
			s->rcpts[j].notify = s->args.notify;
			s->m.nrcpts++;
			for (j = 0; lists[k]->v[i][j] != '\0'; j++)
				s->m.utf8 |= (lists[k]->v[i][j] & 0x80) != 0;
		}
	s->m.envid = span_buf(&s->args.envid);
	s->m.ret = s->args.ret;
	s->m.body = s->msg.eightbit ? SMTPCLIENT_8BIT : SMTPCLIENT_7BIT;
	s->m.requiretls = s->conf.requiretls == 1;
	s->m.size = s->msg.text.n;
	s->m.read = read_text;
	s->m.arg = &s->msg.text;
	if (s->m.nrcpts > 0 && s->m.nrcpts <= SENDMAIL_RECIPIENTS)
		return (0);
	buf_adds(&s->why, s->m.nrcpts == 0 ? "no recipients in the header" :
	    "too many recipients");
	return (s->m.nrcpts == 0 ? EX_USAGE : EX_DATAERR);
}

/* Say why, and where the message is. */
static int
keep(struct sendmail *s, int rc)
{
	struct buf	 name = { 0 }, why = { 0 };
	struct span	 text = s->msg.text.n > 0 ? span_buf(&s->msg.text) :
			    span_buf(&s->raw);
	char		*dir;

	warnx("%s", buf_cstr(&s->why));
	if (text.n == 0)
		return (rc);
	if (s->conf.failures != NULL)
		dir = strdup(s->conf.failures);
	else
		dir = s->pw == NULL ? NULL : path_of(s->pw->pw_dir,
		    USER_FAILURES);
	if (dir == NULL || sendmail_keep(dir, &s->m, text, span_buf(&s->why),
	    &name, &why) == -1) {
		/* no home, as many daemons: a place that all can write to */
		free(dir);
		buf_reset(&name);
		buf_addf(&name, "/tmp/%s.%u", USER_FAILURES,
		    (unsigned)geteuid());
		dir = span_dup(span_buf(&name));
		buf_reset(&name);
		if (dir == NULL || sendmail_keep(dir, &s->m, text,
		    span_buf(&s->why), &name, &why) == -1)
			warnx("the message is lost: %s", buf_cstr(&why));
	}
	if (name.n > 0)
		warnx("the message is kept in %s", buf_cstr(&name));
	free(dir);
	buf_free(&name);
	buf_free(&why);
	return (rc);
}

int
sendmail_main(int argc, char **argv)
{
	struct sendmail	 s;
	struct buf	 none = { 0 };
	int		 bad, fd, rc;

	/* Nothing that is opened later may stand where errors are written. */
	do {
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			return (EX_OSERR);
	} while (fd <= STDERR_FILENO);
	close(fd);
	memset(&s, 0, sizeof(s));
	s.why.max = 4096;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);	/* then keep() says so */
	sendmail_conf_init(&s.conf);
	s.pw = getpwuid(getuid());
	if ((rc = sendmail_args(&s.args, argc, argv, &s.why)) != 0) {
		warnx("%s", buf_cstr(&s.why));
		sendmail_args_free(&s.args);
		buf_free(&s.why);
		return (rc);
	}
	/* A message comes in also when it can go nowhere: it is kept. */
	bad = configure(&s);
	defaults(&s);
	rc = sendmail_read(&s.raw, stdin, s.args.dots, bad ? &none : &s.why);
	if (rc == 0)
		rc = bad;
	if (rc == 0)
		rc = compose(&s);
	if (rc == 0)
		rc = addressees(&s);
	if (rc == 0)
		rc = sendmail_send(&s.conf, &s.m, s.args.verbose, &s.why);
	if (rc != 0)
		rc = keep(&s, rc);
	smtpclient_results_free(&s.m);
	free(s.rcpts);
	buf_free(&none);
	buf_free(&s.raw);
	buf_free(&s.sender);
	buf_free(&s.why);
	sendmail_message_free(&s.msg);
	sendmail_conf_free(&s.conf);
	sendmail_args_free(&s.args);
	return (rc);
}
