/*
 * letterctl: administration of a running suite through its control socket.
 */
#include <err.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"
#include "letterctl/sendmail.h"

#define WORDS_MAX	64	/* arguments of a command */

/* IDS: ids and filters, as many as there are; IDS_VALUE: and one word more. */
enum special { NONE, PASSWORD, STREAM_OUT, STREAM_IN, LOCAL, USER, IDS,
    IDS_VALUE };

/* A command, what it needs, and the columns of its listing ("" for a single
 * thing, NULL for none). */
static const struct command {
	const char	*name;
	const char	*usage;
	int		 min, max;	/* positional arguments */
	enum special	 special;
	const char	*columns;
	const char	*verb;		/* when it is another */
	int		(*run)(int, char **);
} commands[];

static int	 run(const struct command *, const char *, int, char **, int);
static int	 run_backup(int, char **);
static int	 run_verify(int, char **);
static int	 run_check(int, char **);
static int	 run_sessions(int, char **);
static int	 user_number(const char *, struct buf *);
static int	 is_listing(const struct command *);
static int	 is_sendmail(int, char **);
static void	 usage(void) __attribute__((__noreturn__));

const char		*socket_path = RUNDIR "/control.sock";
int			 ctl_json;
static int		 said;		/* the service's text was printed */

#define FILTERS	"[ID ...] [--from ADDRESS] [--to ADDRESS] [--domain DOMAIN] " \
    "[--account NAME] [--transport NAME] [--held yes|no] " \
    "[--age <>DURATION] [--next <>DURATION] [--code CODE|4xx|5xx]"

#define RETIRED_FILTERS	"[ID ...] [--from ADDRESS] [--to ADDRESS] " \
    "[--domain DOMAIN] [--account NAME] [--transport NAME] " \
    "[--age <>DURATION] [--ended <>DURATION] [--code CODE|4xx|5xx] " \
    "[--result delivered|failed|removed]"

static const struct command commands[] = {
	{ "status", "", 0, 0, NONE,
	  "role instance name pid state restarts user cage", NULL, NULL },
	{ "stop", "", 0, 0, NONE, NULL, NULL, NULL },
	{ "reload", "", 0, 0, NONE, NULL, NULL, NULL },
	{ "check", "[FILE]", 0, 1, LOCAL, NULL, NULL, run_check },
	{ "quickstart", "[-d DIRECTORY] [-S STATE] ADDRESS", 1, 5, LOCAL, NULL, NULL,
	  quickstart },
	{ "dnscheck", "DOMAIN [SELECTOR ...]", 1, WORDS_MAX, LOCAL, NULL, NULL,
	  dnscheck },
	{ "dnsrecords", "DOMAIN", 1, 1, LOCAL, NULL, NULL, dnsrecords },
	{ "account add", "[--near ACCOUNT] NAME ADDRESS", 2, 4, PASSWORD, NULL,
	  NULL, NULL },
	{ "account list", "", 0, 0, NONE,
	  "name partition addresses disabled created_at", NULL, NULL },
	{ "account show", "NAME", 1, 1, NONE, "", NULL, NULL },
	{ "account remove", "NAME", 1, 1, NONE, NULL, NULL, NULL },
	{ "account move", "NAME PARTITION", 2, 2, NONE, NULL, NULL, NULL },
	{ "account disable", "NAME TEXT", 2, 2, NONE, NULL, NULL, NULL },
	{ "account enable", "NAME", 1, 1, NONE, NULL, NULL, NULL },
	{ "account password", "[--end-sessions yes] NAME", 1, 3, PASSWORD, NULL,
	  NULL, NULL },
	{ "account quota", "[--messages NUMBER|none|default] NAME "
	  "[SIZE|none|default]", 1, 4, NONE, NULL, NULL, NULL },
	{ "account local-user", "NAME USER|-", 2, 2, USER, NULL, NULL, NULL },
	{ "account route add", "NAME ROUTE", 2, 2, NONE, NULL, NULL, NULL },
	{ "account route list", "NAME", 1, 1, NONE, "number route", NULL,
	  NULL },
	{ "account route remove", "NAME NUMBER", 2, 2, NONE, NULL, NULL, NULL },
	{ "address add", "NAME ADDRESS", 2, 2, NONE, NULL, NULL, NULL },
	{ "address remove", "NAME ADDRESS", 2, 2, NONE, NULL, NULL, NULL },
	{ "tlspubkey add", "[--no-imap-preauth] ADDRESS [NAME] <CERTIFICATE",
	  1, 3, LOCAL, NULL, NULL, tlspubkey_add },
	{ "tlspubkey list", "[ACCOUNT]", 0, 1, NONE,
	  "fingerprint type name account address imap_preauth", NULL, NULL },
	{ "tlspubkey show", "FINGERPRINT", 1, 1, LOCAL, NULL, NULL,
	  tlspubkey_show },
	{ "tlspubkey remove", "FINGERPRINT", 1, 1, NONE, NULL, NULL, NULL },
	{ "tlspubkey update", "FINGERPRINT [--name NAME] [--address ADDRESS] "
	  "[--[no-]imap-preauth]", 2, 6, LOCAL, NULL, NULL, tlspubkey_update },
	{ "tlspubkey gen", "[--type ed25519|ecdsa-p256] "
	  "[--pkcs12 [--password] [--legacy]] STEM", 1, 6, LOCAL, NULL, NULL,
	  tlspubkey_gen },
	{ "sendmail", "[FLAGS] [ADDRESS ...] <MESSAGE", 0, WORDS_MAX, LOCAL,
	  NULL, NULL, NULL },
	{ "secret set", "NAME USER", 2, 2, PASSWORD, NULL, NULL, NULL },
	{ "secret list", "", 0, 0, NONE,
	  "name user transports strongest created_at", NULL, NULL },
	{ "secret remove", "NAME", 1, 1, NONE, NULL, NULL, NULL },
	{ "secret relax", "TRANSPORT", 1, 1, NONE, NULL, NULL, NULL },
	{ "logins", "[ACCOUNT|-] [--failed yes|no] [--result RESULT] "
	  "[--address ADDRESS] [--remote ADDRESS] [--protocol NAME] "
	  "[--mechanism NAME] [--days N]", 0, 15, NONE,
	  "last_at count account address remote protocol mechanism tls result",
	  NULL, NULL },
	{ "mailbox list", "ACCOUNT", 1, 1, NONE,
	  "name messages unseen octets uidnext uidvalidity special", NULL,
	  NULL },
	{ "acl list", "ACCOUNT [MAILBOX]", 1, 2, NONE,
	  "mailbox identifier rights", NULL, NULL },
	{ "acl set", "ACCOUNT MAILBOX IDENTIFIER [+|-]RIGHTS", 4, 4, NONE,
	  NULL, NULL, NULL },
	{ "acl delete", "ACCOUNT MAILBOX IDENTIFIER", 3, 3, NONE, NULL, NULL,
	  NULL },
	{ "queue list", FILTERS, 0, INT_MAX, IDS,
	  "id created_at from to attempts next_at state last", NULL, NULL },
	{ "queue show", "ID ...", 1, INT_MAX, IDS, "", NULL, NULL },
	{ "queue dump", "ID", 1, 1, STREAM_OUT, NULL, NULL, NULL },
	{ "queue hold", FILTERS, 0, INT_MAX, IDS, NULL, NULL, NULL },
	{ "queue release", FILTERS, 0, INT_MAX, IDS, NULL, NULL, NULL },
	{ "queue kick", FILTERS, 0, INT_MAX, IDS, NULL, NULL, NULL },
	{ "queue schedule", FILTERS " [--now] DURATION", 1, INT_MAX, IDS_VALUE,
	  NULL, NULL, NULL },
	{ "queue transport", FILTERS " NAME|default|-", 1, INT_MAX, IDS_VALUE,
	  NULL, NULL, NULL },
	{ "queue requiretls", FILTERS " yes|no|default", 1, INT_MAX, IDS_VALUE,
	  NULL, NULL, NULL },
	{ "queue drop", FILTERS, 0, INT_MAX, IDS, NULL, NULL, NULL },
	{ "queue fail", FILTERS, 0, INT_MAX, IDS, NULL, NULL, NULL },
	{ "queue holdrule list", "", 0, 0, NONE,
	  "number created_at account sender_domain recipient_domain", NULL,
	  NULL },
	{ "queue holdrule add", "[--account NAME] [--sender-domain DOMAIN] "
	  "[--recipient-domain DOMAIN] | --all", 1, 6, NONE, NULL, NULL, NULL },
	{ "queue holdrule remove", "NUMBER", 1, 1, NONE, NULL, NULL, NULL },
	{ "queue retired list", RETIRED_FILTERS, 0, INT_MAX, IDS,
	  "id ended_at from to attempts state last", NULL, NULL },
	{ "queue retired show", "ID ...", 1, INT_MAX, IDS, "", NULL, NULL },
	{ "queue", FILTERS, 0, INT_MAX, IDS,
	  "id created_at from to attempts next_at state last", "queue list",
	  NULL },
	{ "suppression list", "[--account NAME]", 0, 2, NONE,
	  "account address since_at failures reason", NULL, NULL },
	{ "suppression add", "ACCOUNT ADDRESS [REASON]", 2, 3, NONE, NULL,
	  NULL, NULL },
	{ "suppression remove", "ACCOUNT ADDRESS", 2, 2, NONE, NULL, NULL,
	  NULL },
	{ "suppression lookup", "ACCOUNT ADDRESS", 2, 2, NONE, "", NULL,
	  NULL },
	{ "mtasts list", "", 0, 0, NONE,
	  "domain mode id until_at checked_at failed_at used_at", NULL, NULL },
	{ "mtasts show", "DOMAIN", 1, 1, NONE, "", NULL, NULL },
	{ "mtasts forget", "DOMAIN", 1, 1, NONE, NULL, NULL, NULL },
	{ "mtasts refresh", "DOMAIN", 1, 1, NONE, "", NULL, NULL },
	{ "route explain", "FROM TO [--attempt N]", 2, 4, NONE, "", NULL,
	  NULL },
	{ "sessions list", "", 0, 0, LOCAL, NULL, NULL, run_sessions },
	{ "sessions end", "ID", 1, 1, LOCAL, NULL, NULL, run_sessions },
	{ "log level", "error|warning|info|debug", 1, 1, NONE, NULL, NULL,
	  NULL },
	{ "log reopen", "", 0, 0, NONE, NULL, NULL, NULL },
	{ "export mbox", "ACCOUNT [MAILBOX]", 1, 2, LOCAL, NULL, NULL,
	  export_mbox },
	{ "export maildir", "ACCOUNT DIRECTORY [MAILBOX]", 2, 3, LOCAL, NULL,
	  NULL, export_maildir },
	{ "import mbox", "ACCOUNT [MAILBOX] <MBOX", 1, 2, STREAM_IN, NULL, NULL,
	  NULL },
	{ "import maildir", IMPORT_MAILDIR_USAGE, 2, WORDS_MAX, LOCAL, NULL,
	  NULL, import_maildir },
	{ "import imap", IMPORT_IMAP_USAGE, 3, WORDS_MAX, LOCAL, NULL, NULL,
	  import_imap },
	{ "backup", "DIRECTORY", 1, 1, LOCAL, NULL, NULL, run_backup },
	{ "verify", "", 0, 0, LOCAL, NULL, NULL, run_verify },
	{ "salvage", "DIRECTORY", 1, 1, LOCAL, NULL, NULL, salvage },
	{ "compact", "DIRECTORY", 1, 1, LOCAL, NULL, NULL, compact },
};

static void
usage(void)
{
	size_t	 i;

	fprintf(stderr, "usage: letterctl [-j] [-s SOCKET] COMMAND ...\n");
	for (i = 0; i < nitems(commands); i++)
		fprintf(stderr, "       letterctl %s %s%s\n", commands[i].name,
		    commands[i].usage, is_listing(&commands[i]) ? LIST_USAGE :
		    "");
	exit(EXIT_USAGE_);
}

/* How many words of argv are the command's name; 0: it is another. */
static int
matches(const struct command *c, int argc, char **argv)
{
	const char	*p = c->name;
	size_t		 n;
	int		 i;

	for (i = 0; *p != '\0'; i++) {
		n = strcspn(p, " ");
		if (i == argc || strlen(argv[i]) != n ||
		    strncmp(argv[i], p, n) != 0)
			return (0);
		p += n;
		p += strspn(p, " ");
	}
	return (i);
}

void
say(void *arg, struct span text)
{
	(void)arg;
	said = 1;
	printf("%.*s\n", (int)text.n, (const char *)text.p);
}

/* The number of a user, whose name the service cannot look up. */
static int
user_number(const char *name, struct buf *out)
{
	struct passwd	*pw;

	if (strcmp(name, "-") == 0)
		return (0);
	if ((pw = getpwnam(name)) != NULL)
		return (buf_addf(out, "%u", (unsigned)pw->pw_uid));
	if (name[0] != '\0' && strspn(name, "0123456789") == strlen(name))
		return (0);
	warnx("%s: no such user", name);
	return (-1);
}

static int
is_listing(const struct command *c)
{
	return ((c->columns != NULL && c->columns[0] != '\0') ||
	    strcmp(c->name, "sessions list") == 0);
}

/* One command at the service. */
static int
run(const struct command *c, const char *verb, int argc, char **argv,
    int quiet)
{
	struct msg_ctl_arg	*args;
	struct ctl_ask		 a = { .verb = verb, .stream = -1 };
	struct buf		 pass = { 0 }, user = { 0 };
	struct list_ctx		*l = NULL;
	struct ctl		*ctl;
	int			 i, rc;

	if (c->special == USER && user_number(argv[1], &user) == -1)
		return (EXIT_USAGE_);
	if ((args = calloc((size_t)argc + 1, sizeof(*args))) == NULL)
		err(EXIT_AWAY, NULL);
	for (i = 0; i < argc; i++)
		args[a.nargs++].arg = span_str(argv[i]);
	a.args = args;
	if (user.n > 0)
		args[1].arg = span_buf(&user);
	if (c->special == PASSWORD) {
		if (read_password(&pass, 1) == -1) {
			buf_freezero(&pass);
			free(args);
			return (EXIT_USAGE_);
		}
		args[a.nargs++].arg = span_buf(&pass);
	}
	if (c->special == STREAM_OUT)
		a.stream = STDOUT_FILENO;
	if (c->special == STREAM_IN) {
		a.stream = STDIN_FILENO;
		a.in = 1;
	}
	if ((ctl = ctl_open(socket_path)) == NULL) {
		buf_freezero(&pass);
		buf_free(&user);
		free(args);
		return (EXIT_AWAY);
	}
	if (c->columns != NULL) {
		a.row = list_row;
		a.enough = list_enough;
		a.arg = l = list_new(c->columns, ctl_json);
	}
	if (!quiet && !ctl_json && c->special != STREAM_OUT)
		a.text = say;
	rc = c->special == IDS || c->special == IDS_VALUE ?
	    ask_pieces(ctl, &a, c->special == IDS_VALUE) : ctl_ask(ctl, &a);
	if (l != NULL && list_end(l) == -1 && rc == EXIT_OK)
		rc = EXIT_USAGE_;
	ctl_close(ctl);
	buf_freezero(&pass);
	buf_free(&user);
	free(args);
	return (rc);
}

/* IMAP sessions are with the stores, submissions with the queue, connections
 * without a login with smtpd: one listing of all. */
static int
run_sessions(int argc, char **argv)
{
	static const char *const verbs[] = { "sessions", "submissions",
	    "connections" };
	static const struct command	 list = { "sessions list", "", 0, 0,
	    NONE, "id protocol account address remote tls since_at state",
	    NULL, NULL };
	struct ctl_ask		 a = { .stream = -1 };
	struct msg_ctl_arg	 arg;
	struct list_ctx		*l = list_new(list.columns, ctl_json);
	struct ctl		*ctl;
	struct buf		 verb = { 0 };
	size_t			 i;
	int			 rc = EXIT_OK;

	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	a.row = list_row;
	a.enough = list_enough;
	a.arg = l;
	a.text = argc > 0 ? say : NULL;
	if (argc > 0) {
		arg.arg = span_str(argv[0]);
		a.args = &arg;
		a.nargs = 1;
	}
	for (i = 0; i < nitems(verbs) && rc == EXIT_OK; i++) {
		buf_reset(&verb);
		buf_addf(&verb, "%s %s", verbs[i], argc > 0 ? "end" : "list");
		a.verb = buf_cstr(&verb);
		rc = ctl_ask(ctl, &a);
	}
	if (argc > 0 && rc == EXIT_OK && !said) {
		warnx("there is no such session");
		rc = EXIT_REFUSED;
	}
	if (list_end(l) == -1 && rc == EXIT_OK)
		rc = EXIT_USAGE_;
	buf_free(&verb);
	ctl_close(ctl);
	return (rc);
}

static void
take_text(void *arg, struct span s)
{
	struct buf	*b = arg;

	buf_reset(b);
	(void)buf_add_span(b, s);
}

/* How many accounts have moved to another partition so far. */
static int
moves(struct ctl *ctl, struct buf *b)
{
	struct ctl_ask	 a = { .verb = "account moves", .stream = -1,
			    .text = take_text, .arg = b };

	return (ctl_ask(ctl, &a));
}

/* Queue first, then mail, then credentials: what is in two of them is
 * recognised after a restore. */
static int
run_backup(int argc, char **argv)
{
	static const char *const verbs[] = { "backup queue", "backup mail",
	    "backup auth" };
	struct ctl_ask	 a = { .stream = -1, .take = backup_take,
			    .text = NULL };
	struct ctl	*ctl;
	struct unpack	*u;
	struct buf	 before = { 0 }, after = { 0 };
	size_t		 i;
	int		 rc = EXIT_OK;

	(void)argc;
	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	if ((u = unpack_new(argv[0])) == NULL) {
		ctl_close(ctl);
		return (EXIT_REFUSED);
	}
	a.arg = u;
	rc = moves(ctl, &before);
	for (i = 0; i < nitems(verbs) && rc == EXIT_OK; i++) {
		a.verb = verbs[i];
		rc = ctl_ask(ctl, &a);
	}
	if (rc == EXIT_OK && (rc = moves(ctl, &after)) == EXIT_OK &&
	    !span_eq(span_buf(&before), span_buf(&after))) {
		warnx("an account moved to another partition meanwhile");
		rc = EXIT_REFUSED;
	}
	if (unpack_end(u) == -1 && rc == EXIT_OK)
		rc = EXIT_REFUSED;
	buf_free(&before);
	buf_free(&after);
	ctl_close(ctl);
	if (rc != EXIT_OK)
		warnx("%s: the backup is not complete", argv[0]);
	return (rc);
}

static int
run_verify(int argc, char **argv)
{
	static const struct command	 c = { "verify", "", 0, 0, NONE,
	    "environment database page key problem message", NULL, NULL };
	int	 rc, worst;

	(void)argc;
	(void)argv;
	if ((worst = run(&c, "verify auth", 0, NULL, 0)) == EXIT_AWAY)
		return (worst);
	if ((rc = run(&c, "verify queue", 0, NULL, 0)) > worst)
		worst = rc;
	if ((rc = run(&c, "verify mail", 0, NULL, 0)) > worst)
		worst = rc;
	return (worst == EXIT_OK && list_rows() > 0 ? EXIT_REFUSED : worst);
}

/* authd knows the grammar: ask it. */
static int
run_check(int argc, char **argv)
{
	char		 path[4096], *slash;
	ssize_t		 n;

	if ((n = readlink("/proc/self/exe", path, sizeof(path) - 8)) == -1)
		err(EXIT_USAGE_, "/proc/self/exe");
	path[n] = '\0';
	if ((slash = strrchr(path, '/')) != NULL)
		memcpy(slash + 1, "authd", sizeof("authd"));
	if (argc > 0)
		execl(path, "authd", "-n", "-f", argv[0], (char *)NULL);
	else
		execl(path, "authd", "-n", (char *)NULL);
	err(EXIT_USAGE_, "%s", path);
}

/* Called by that name, or as the command. */
static int
is_sendmail(int argc, char **argv)
{
	const char	*name = argc > 0 ? strrchr(argv[0], '/') : NULL;

	name = name != NULL ? name + 1 : argc > 0 ? argv[0] : "";
	if (strcmp(name, "sendmail") == 0)
		return (1);
	return (argc > 1 && strcmp(argv[1], "sendmail") == 0 ? 2 : 0);
}

int
main(int argc, char **argv)
{
	const struct command	*c;
	int			 ch, n, words = 0;

	if ((n = is_sendmail(argc, argv)) > 0)
		return (sendmail_main(argc - n + 1, argv + n - 1));
	/* A group lent for sendmail's configuration is for that alone. */
	if (getgid() != getegid() || getuid() != geteuid())
		errx(EXIT_REFUSED, "installed set-group-id, this program is "
		    "sendmail alone");

	while ((ch = getopt(argc, argv, "+js:")) != -1) {
		switch (ch) {
		case 'j':
			ctl_json = 1;
			break;
		case 's':
			socket_path = optarg;
			break;
		default:
			usage();
		}
	}
	argc -= optind;
	argv += optind;
	for (n = 0; n < argc; n++)	/* --json anywhere */
		if (strcmp(argv[n], "--json") == 0) {
			ctl_json = 1;
			memmove(argv + n, argv + n + 1,
			    (size_t)(argc - n) * sizeof(*argv));
			argc--;
			n--;
		}
	for (c = commands; c < commands + nitems(commands); c++)
		if ((words = matches(c, argc, argv)) > 0)
			break;
	if (words == 0)
		usage();
	argc -= words;
	argv += words;
	if (is_listing(c) && list_options(&argc, argv) == -1)
		return (EXIT_USAGE_);
	if (argc < c->min || argc > c->max ||
	    (argc > WORDS_MAX && c->max != INT_MAX)) {
		fprintf(stderr, "usage: letterctl %s %s%s\n", c->name,
		    c->usage, is_listing(c) ? LIST_USAGE : "");
		return (EXIT_USAGE_);
	}
	if (c->run != NULL)
		return (c->run(argc, argv));
	return (run(c, c->verb != NULL ? c->verb : c->name, argc, argv, 0));
}
