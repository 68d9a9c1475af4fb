/*
 * "letterctl export maildir": what the service writes as an mbox, into a new
 * Maildir with folders as "Maildir++" has them.  Keywords become letters, which
 * a file dovecot-keywords in each folder names.
 */
#include <sys/stat.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"
#include "mutf7.h"

#define KEYWORDS	26		/* letters */

/* Its directory, in which no other mailbox is. */
struct folder {
	char	*mailbox;
	char	*dir;		/* ".a.b" */
};

struct export {
	struct export_sum	 sum;
	int			 root;
	FILE			*subs;		/* "subscriptions" */
	struct folder		*folders;	/* made so far */
	size_t			 nfolders;
	int			 dots;		/* names with "." are to be made */
	struct mbox_reader	 reader;
	char			*mailbox;	/* of the open folder, or NULL */
	int			 dir;
	char			*keywords[KEYWORDS];
	int			 lost;		/* some had no letter */
	int			 failed;	/* to make a folder */
	uint64_t		 n;		/* messages, for their names */
	int			 fd;		/* of the message, or -1 */
	int			 cr;		/* one is held back */
	char			 tmp[64];
	struct buf		 name;		/* in cur */
	struct timespec		 date;
};

static int	 on_begin(void *, const struct mbox_meta *);
static int	 on_octets(void *, struct span);
static int	 on_end(void *);
static int	 take(void *, struct span);

static const struct mbox_ops	 ops = { on_begin, on_octets, on_end };

/* The last folder is done. */
static int
close_folder(struct export *x)
{
	FILE	*fp = NULL;
	size_t	 i;
	int	 fd = -1, rc = 0;

	if (x->mailbox == NULL)
		return (0);
	if (x->keywords[0] != NULL) {
		fd = openat(x->dir, "dovecot-keywords", O_WRONLY | O_CREAT |
		    O_EXCL | O_CLOEXEC, 0600);
		if (fd == -1 || (fp = fdopen(fd, "w")) == NULL)
			return (-1);
		for (i = 0; i < KEYWORDS && x->keywords[i] != NULL; i++)
			fprintf(fp, "%zu %s\n", i, x->keywords[i]);
		rc = fclose(fp);
	}
	for (i = 0; i < KEYWORDS; i++) {
		free(x->keywords[i]);
		x->keywords[i] = NULL;
	}
	if (x->lost)
		warnx("%s: more keywords than a Maildir can have, some are "
		    "left out", x->mailbox);
	x->lost = 0;
	close(x->dir);
	x->dir = -1;
	free(x->mailbox);
	x->mailbox = NULL;
	return (rc);
}

/* ".a.b" for a/b; a "." within a name has no place in that, so that two names may
 * come to the same. */
static int
folder_name(struct span mailbox, struct buf *b)
{
	struct buf	 seven = { 0 };
	size_t		 i;


	if (mutf7_encode(&seven, mailbox) == -1) {
		buf_free(&seven);
		errno = EINVAL;
		return (-1);
	}
	(void)buf_addc(b, '.');
	for (i = 0; i < seven.n; i++)
		(void)buf_addc(b, seven.p[i] == '/' ? '.' :
		    seven.p[i] == '.' ? '_' : seven.p[i]);
	buf_free(&seven);
	return (buf_failed(b) ? -1 : 0);
}

/* A directory of its own: with a number behind its name, if that is taken. */
static int
make_folder(struct export *x, struct span mailbox, struct buf *b)
{
	size_t	 n;
	int	 i;

	if (folder_name(mailbox, b) == -1)
		return (-1);
	n = b->n;
	for (i = 2; mkdirat(x->root, buf_cstr(b), 0700) == -1; i++) {
		if (errno != EEXIST)
			return (-1);
		buf_truncate(b, n);
		if (buf_addf(b, "_%d", i) == -1)
			return (-1);
	}
	if (b->n > n || span_find(mailbox, '.') != -1)
		warnx("%.*s is written as %s: a Maildir has no \".\" in names",
		    (int)mailbox.n, (const char *)mailbox.p, buf_cstr(b) + 1);
	return (0);
}

/* The directory of a mailbox, made when it is not there; or NULL. */
static const char *
folder_of(struct export *x, struct span mailbox)
{
	struct buf	 b = { 0 };
	struct folder	*f;
	size_t		 i;

	for (i = 0; i < x->nfolders; i++)
		if (span_eqs(mailbox, x->folders[i].mailbox))
			return (x->folders[i].dir);
	if ((f = reallocarray(x->folders, x->nfolders + 1,
	    sizeof(*f))) == NULL)
		return (NULL);
	x->folders = f;
	f += x->nfolders;
	f->dir = NULL;
	f->mailbox = span_dup(mailbox);
	if (span_eqs(mailbox, "INBOX"))
		f->dir = strdup(".");
	else if (make_folder(x, mailbox, &b) == 0)
		f->dir = span_dup(span_buf(&b));
	buf_free(&b);
	if (f->mailbox == NULL || f->dir == NULL) {
		free(f->mailbox);
		free(f->dir);
		return (NULL);
	}
	x->nfolders++;
	fprintf(x->subs, "%s\n", f->dir[1] == '\0' ? "INBOX" : f->dir + 1);
	return (f->dir);
}

static int
open_folder(struct export *x, struct span mailbox)
{
	static const char *const	 below[] = { "cur", "new", "tmp" };
	const char			*dir;
	size_t				 i;
	int				 rc = 0;

	if (close_folder(x) == -1 || (x->mailbox = span_dup(mailbox)) == NULL ||
	    (dir = folder_of(x, mailbox)) == NULL)
		return (-1);
	x->dir = openat(x->root, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (x->dir == -1)
		return (-1);
	for (i = 0; i < nitems(below) && rc == 0; i++)
		if (mkdirat(x->dir, below[i], 0700) == -1 && errno != EEXIST)
			rc = -1;
	return (rc);
}

/* The letter of a flag, 0 for none. */
static int
letter(struct export *x, struct span flag)
{
	static const struct {
		const char	*flag;
		int		 letter;
	} flags[] = {
		{ "\\Draft", 'D' }, { "\\Flagged", 'F' }, { "$Forwarded", 'P' },
		{ "\\Answered", 'R' }, { "\\Seen", 'S' }, { "\\Deleted", 'T' },
	};
	size_t	 i;

	for (i = 0; i < nitems(flags); i++)
		if (span_caseeqs(flag, flags[i].flag))
			return (flags[i].letter);
	if (flag.n == 0 || flag.p[0] == '\\')
		return (0);
	for (i = 0; i < KEYWORDS; i++) {
		if (x->keywords[i] == NULL)
			x->keywords[i] = span_dup(flag);
		if (x->keywords[i] != NULL && span_eqs(flag, x->keywords[i]))
			return ('a' + (int)i);
	}
	x->lost = 1;
	return (0);
}

static int
by_octet(const void *a, const void *b)
{
	return (*(const uint8_t *)a - *(const uint8_t *)b);
}

static int
on_begin(void *arg, const struct mbox_meta *m)
{
	struct export	*x = arg;
	struct span	 s = m->flags, word;
	size_t		 at;
	int		 c, more;

	if ((x->mailbox == NULL || !span_eqs(m->mailbox, x->mailbox)) &&
	    open_folder(x, m->mailbox) == -1)
		return (-1);
	x->date.tv_sec = (time_t)(m->date < 0 ? 0 : m->date);
	buf_reset(&x->name);
	(void)buf_addf(&x->name, "cur/%lld.%010llu.letterlock:2,",
	    (long long)x->date.tv_sec, (unsigned long long)++x->n);
	at = x->name.n;
	do {
		more = span_split(&s, ' ', &word);
		if ((c = letter(x, word)) != 0)
			(void)buf_addc(&x->name, c);
	} while (more);
	if (!buf_failed(&x->name))	/* in the order of ASCII */
		qsort(x->name.p + at, x->name.n - at, 1, by_octet);
	snprintf(x->tmp, sizeof(x->tmp), "tmp/%llu", (unsigned long long)x->n);
	x->cr = 0;
	x->fd = openat(x->dir, x->tmp, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	return (x->fd == -1 ? -1 : 0);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	ssize_t	 k;

	for (; n > 0; p += k, n -= (size_t)k)
		if ((k = write(fd, p, n)) == -1) {
			if (errno != EINTR)
				return (-1);
			k = 0;
		}
	return (0);
}

/* Lines end with LF in a Maildir. */
static int
on_octets(void *arg, struct span s)
{
	struct export	*x = arg;
	struct buf	 b = { 0 };
	size_t		 i;
	int		 rc;

	for (i = 0; i < s.n; i++) {
		if (x->cr && s.p[i] != '\n')
			(void)buf_addc(&b, '\r');
		x->cr = s.p[i] == '\r';
		if (!x->cr)
			(void)buf_addc(&b, s.p[i]);
	}
	rc = buf_failed(&b) ? -1 : write_all(x->fd, b.p, b.n);
	buf_free(&b);
	return (rc);
}

static int
on_end(void *arg)
{
	struct export	*x = arg;
	struct timespec	 times[2];
	int		 rc = 0;

	times[0] = times[1] = x->date;
	if ((x->cr && write_all(x->fd, (const uint8_t *)"\r", 1) == -1) ||
	    futimens(x->fd, times) == -1)
		rc = -1;
	if (close(x->fd) == -1)
		rc = -1;
	x->fd = -1;
	return (rc == 0 && !buf_failed(&x->name) ?
	    renameat(x->dir, x->tmp, x->dir, buf_cstr(&x->name)) : -1);
}

static void
on_row(void *arg, struct span json)
{
	struct export	*x = arg;

	export_said(&x->sum, json);
}

static int
take(void *arg, struct span s)
{
	struct export	*x = arg;

	while (s.n > 0)
		if (mbox_feed(&x->reader, &s) == -1) {
			warn("%s", x->mailbox == NULL ? "export" : x->mailbox);
			return (-1);
		}
	return (0);
}

/* A directory of its own, a mailbox for all that is in it. */
static int
begin(struct export *x, const char *path)
{
	static const char *const	 below[] = { "cur", "new", "tmp" };
	size_t				 i;
	int				 fd;

	if (mkdir(path, 0700) == -1) {
		warn("%s", path);
		return (-1);
	}
	x->root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (x->root == -1)
		goto err;
	for (i = 0; i < nitems(below); i++)
		if (mkdirat(x->root, below[i], 0700) == -1)
			goto err;
	fd = openat(x->root, "subscriptions", O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (fd == -1 || (x->subs = fdopen(fd, "w")) == NULL)
		goto err;
	mbox_reader_init(&x->reader, &ops, x);
	return (0);
err:
	warn("%s", path);
	return (-1);
}

/* One of the account's mailboxes; what is in it comes by itself.  Names that stay
 * as they are come first, so that no other has taken their folders. */
static void
listed(void *arg, struct span json)
{
	struct export		*x = arg;
	struct json_tokener	*t = json_tokener_new();
	struct json_object	*o, *v;
	const char		*name;
	int			 dots, empty;

	o = t == NULL ? NULL : json_tokener_parse_ex(t,
	    (const char *)json.p, (int)json.n);
	empty = json_object_object_get_ex(o, "messages", &v) &&
	    json_object_get_int64(v) == 0;
	if (json_object_object_get_ex(o, "name", &v)) {
		name = json_object_get_string(v);
		dots = strchr(name, '.') != NULL;
		if (dots == x->dots && (empty || !dots) &&
		    (open_folder(x, span_str(name)) == -1 ||
		    close_folder(x) == -1)) {
			warn("%s", name);
			x->failed = 1;
		}
	}
	json_object_put(o);
	json_tokener_free(t);
}

/* Also those without messages, which no mbox has. */
static int
all_folders(struct export *x, struct ctl *ctl, const char *account)
{
	struct msg_ctl_arg	 arg = { .arg = span_str(account) };
	struct ctl_ask		 a = { .verb = "mailbox list", .args = &arg,
				    .nargs = 1, .stream = -1, .row = listed,
				    .arg = x };
	int			 rc;

	rc = ctl_ask(ctl, &a);
	x->dots = 1;
	if (rc == EXIT_OK)
		rc = ctl_ask(ctl, &a);
	return (rc == EXIT_OK && x->failed ? EXIT_REFUSED : rc);
}

int
export_maildir(int argc, char **argv)
{
	struct export		 x = { .root = -1, .dir = -1, .fd = -1 };
	struct msg_ctl_arg	 args[2];
	struct ctl_ask		 a = { .verb = "export mbox", .args = args,
				    .nargs = 1, .stream = -1, .take = take,
				    .row = on_row, .octets = &x.sum.octets,
				    .arg = &x };
	struct ctl		*ctl;
	int			 rc;

	args[0].arg = span_str(argv[0]);
	if (argc > 2)
		args[a.nargs++].arg = span_str(argv[2]);
	if ((ctl = ctl_open(socket_path)) == NULL)
		return (EXIT_AWAY);
	if (begin(&x, argv[1]) == -1) {
		ctl_close(ctl);
		return (EXIT_REFUSED);
	}
	rc = argc > 2 ? EXIT_OK : all_folders(&x, ctl, argv[0]);
	if (rc == EXIT_OK)
		rc = ctl_ask(ctl, &a);
	ctl_close(ctl);
	if (rc == EXIT_OK && (mbox_feed_end(&x.reader) == -1 ||
	    close_folder(&x) == -1 || fflush(x.subs) == EOF)) {
		warn("%s", argv[1]);
		rc = EXIT_REFUSED;
	}
	if (rc == EXIT_OK && export_check(&x.sum, argv[1]) == -1)
		rc = EXIT_REFUSED;
	if (rc == EXIT_OK && x.n != x.sum.messages) {
		warnx("%s: %llu of %llu messages are here", argv[1],
		    (unsigned long long)x.n,
		    (unsigned long long)x.sum.messages);
		rc = EXIT_REFUSED;
	}
	fclose(x.subs);
	sync();
	if (rc != EXIT_OK)
		warnx("%s: the export is not complete", argv[1]);
	else if (!ctl_json)
		printf("%llu messages\n", (unsigned long long)x.n);
	mbox_reader_free(&x.reader);
	buf_free(&x.name);
	while (x.nfolders > 0) {
		free(x.folders[--x.nfolders].mailbox);
		free(x.folders[x.nfolders].dir);
	}
	free(x.folders);
	close(x.root);
	return (rc);
}
