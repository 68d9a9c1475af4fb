/*
 * "letterctl import maildir": the folders of a Maildir, as "Maildir++" has them
 * (".a.b", modified UTF-7) and as plain directories ("a/b").  Flags are those
 * behind ":2,", and letters that a file dovecot-keywords names.  It may belong to
 * somebody who means ill: no link is followed, nothing but plain files is read.
 *
 * With --resume each message has a mark (mbox.h) of its folder: how many files
 * come before the next, in their order, and a digest of the names of those.
 */
#include <sys/stat.h>
#include <openssl/evp.h>
#include <ctype.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "letterctl/import.h"
#include "mutf7.h"

#define DEPTH		30	/* of directories */
#define KEYWORDS	26	/* letters */

#define DIGEST		8	/* octets */

struct item {
	char	*name;
	int	 seen;		/* from cur/, not new/ */
};

/* Files of a folder in their order, up to one of them. */
struct mark {
	uint64_t	 n;
	uint8_t		 names[DIGEST];	/* without what stands for flags */
};

struct folder {
	struct import_out	*out;
	const char		*mailbox;	/* UTF-8 */
	int			 dotted;	/* the directory is ".a.b", not "a/b" */
	int			 fd[2];		/* new, cur; or -1 */
	char			*keywords[KEYWORDS];
	struct item		*items;
	size_t			 n;
	char			 key[IMPORT_KEY];	/* of marks; or "" */
	struct mark		 at;
};

/* What was asked for. */
struct source {
	struct import_out	*out;
	const char		*account, *path;
	int			 resume;
	char			**names;	/* of mailboxes; none: all */
	int			 n;
	int			 found;		/* of them, which come first */
};

static int	 folder(struct source *, int, const char *, int);
static int	 folders(struct source *, int, const char *, int);

static int
open_at(int fd, const char *name, int flags)
{
	return (openat(fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC | flags));
}

/* "0 word" a line. */
static void
read_keywords(struct folder *f, int dir)
{
	char		*line = NULL, *end;
	size_t		 room = 0;
	ssize_t		 n;
	long		 i;
	FILE		*fp;
	int		 fd;

	if ((fd = open_at(dir, "dovecot-keywords", 0)) == -1)
		return;
	if ((fp = fdopen(fd, "r")) == NULL) {
		close(fd);
		return;
	}
	while ((n = getline(&line, &room, fp)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		i = strtol(line, &end, 10);
		if (i < 0 || i >= KEYWORDS || end == line || *end != ' ' ||
		    strpbrk(end + 1, " ()\\") != NULL || end[1] == '\0')
			continue;
		free(f->keywords[i]);
		f->keywords[i] = strdup(end + 1);
	}
	free(line);
	fclose(fp);
}

/* In the order of delivery: names begin with the time. */
static int
by_time(const void *a, const void *b)
{
	const struct item	*x = a, *y = b;
	unsigned long long	 s, t;

	s = strtoull(x->name, NULL, 10);
	t = strtoull(y->name, NULL, 10);
	if (s != t)
		return (s < t ? -1 : 1);
	return (strcmp(x->name, y->name));
}

static int
list_items(struct folder *f, int seen)
{
	struct dirent	*e;
	struct item	*nv;
	DIR		*d;
	int		 fd = dup(f->fd[seen]);

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		warn("%s", f->mailbox);
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if ((f->n & (f->n - 1)) == 0) {
			nv = reallocarray(f->items, f->n == 0 ? 1 : f->n * 2,
			    sizeof(*nv));
			if (nv == NULL)
				err(EXIT_AWAY, NULL);
			f->items = nv;
		}
		if ((f->items[f->n].name = strdup(e->d_name)) == NULL)
			err(EXIT_AWAY, NULL);
		f->items[f->n++].seen = seen;
	}
	closedir(d);
	return (0);
}

/* What stands behind ":2,", or what a foreign file system has for it; or NULL. */
static const char *
info_of(const char *name)
{
	const char	*p = NULL, *q;

	for (q = name; (q = strstr(q, "2,")) != NULL; q++)
		if (q > name && strchr(":;,!", q[-1]) != NULL)
			p = q + 2;
	return (p);
}

/* One file further. */
static void
advance(struct mark *m, const char *name)
{
	const char	*info = info_of(name);
	struct buf	 b = { 0 };
	uint8_t		 md[EVP_MAX_MD_SIZE];

	(void)buf_add(&b, m->names, DIGEST);
	(void)buf_add(&b, name, info == NULL ? strlen(name) :
	    (size_t)(info - name) - 3);
	if (buf_failed(&b) || EVP_Digest(b.p, b.n, md, NULL, EVP_sha256(),
	    NULL) != 1)
		errx(EXIT_AWAY, "no memory");
	memcpy(m->names, md, DIGEST);
	m->n++;
	buf_free(&b);
}

static void
write_mark(const struct mark *m, struct buf *b)
{
	int	 i;

	(void)buf_addf(b, "%llu.", (unsigned long long)m->n);
	for (i = 0; i < DIGEST; i++)
		(void)buf_addf(b, "%02x", m->names[i]);
}

/*
 * Behind what was brought in before.  0; -1 when that cannot be told, which is
 * said: the files are others now.
 */
static int
resume(const struct source *s, struct folder *f)
{
	struct buf	 of = { 0 }, was = { 0 }, is = { 0 };
	struct span	 v, n;
	uint64_t	 count = 0;
	char		*path = realpath(s->path, NULL);
	int		 rc;

	(void)buf_addf(&of, "maildir %s %s%s", path == NULL ? s->path : path,
	    f->dotted ? "." : "", f->mailbox);
	free(path);
	rc = import_mark(s->account, &of, f->key, &was);
	v = span_buf(&was);
	if (rc == 0 && v.n > 0) {
		if (span_split(&v, '.', &n) == 0 ||
		    span_num(n, f->n, &count) == -1)
			count = 0;
		while (f->at.n < count)
			advance(&f->at, f->items[f->at.n].name);
		write_mark(&f->at, &is);
		if (!span_eq(span_buf(&is), span_buf(&was))) {
			warnx("%s: not the same files as before in front of "
			    "new ones: it is left out", f->mailbox);
			rc = -1;
		}
	}
	buf_free(&of);
	buf_free(&was);
	buf_free(&is);
	return (rc);
}

static void
flags_of(const struct folder *f, const struct item *i, struct buf *b)
{
	static const struct {
		int		 letter;
		const char	*flag;
	} flags[] = {
		{ 'D', "\\Draft" }, { 'F', "\\Flagged" }, { 'P', "$Forwarded" },
		{ 'R', "\\Answered" }, { 'S', "\\Seen" }, { 'T', "\\Deleted" },
	};
	const char	*p = i->seen ? info_of(i->name) : NULL, *word;
	size_t		 k;

	for (; p != NULL && *p != '\0'; p++) {
		word = NULL;
		if (*p >= 'a' && *p <= 'z')
			word = f->keywords[*p - 'a'];
		for (k = 0; k < nitems(flags); k++)
			if (*p == flags[k].letter)
				word = flags[k].flag;
		if (word != NULL)
			(void)buf_addf(b, "%s%s", b->n > 0 ? " " : "", word);
	}
}

/* 0, or -1 with errno: it is left out. */
static int
message(struct folder *f, const struct item *i)
{
	struct mbox_meta	 m = { .mailbox = span_str(f->mailbox) };
	struct buf		 flags = { 0 }, mark = { 0 };
	struct stat		 st;
	uint8_t			 room[IMPORT_PIECE], last = '\n';
	ssize_t			 n;
	int			 fd;

	if ((fd = open_at(f->fd[i->seen], i->name, 0)) == -1)
		return (-1);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    pread(fd, &last, 1, st.st_size - 1) != 1) {
		close(fd);
		errno = EINVAL;
		return (-1);
	}
	m.date = st.st_mtime;
	m.noeol = last != '\n';
	flags_of(f, i, &flags);
	m.flags = span_buf(&flags);
	if (f->key[0] != '\0') {
		(void)buf_addf(&mark, "%s:", f->key);
		write_mark(&f->at, &mark);
		m.mark = span_buf(&mark);
	}
	import_begin(f->out, &m);
	while ((n = read(fd, room, sizeof(room))) > 0)
		import_octets(f->out, span_of(room, (size_t)n));
	if (n == -1)		/* half of it is written already */
		err(EXIT_REFUSED, "%s: %s", f->mailbox, i->name);
	import_end(f->out);
	buf_free(&flags);
	buf_free(&mark);
	close(fd);
	return (0);
}

static void
folder_free(struct folder *f)
{
	size_t	 i;

	for (i = 0; i < f->n; i++)
		free(f->items[i].name);
	free(f->items);
	for (i = 0; i < KEYWORDS; i++)
		free(f->keywords[i]);
	for (i = 0; i < 2; i++)
		if (f->fd[i] != -1)
			close(f->fd[i]);
}

/* Several folders may be the same mailbox here. */
static int
is_wanted(struct source *s, const char *mailbox)
{
	char	*name;
	int	 i;

	for (i = 0; i < s->n; i++) {
		name = s->names[i];
		if (!import_is(mailbox, name))
			continue;
		if (i >= s->found) {
			s->names[i] = s->names[s->found];
			s->names[s->found++] = name;
		}
		return (1);
	}
	return (s->n == 0);
}

/* One folder, if it is one: 1, else 0. */
static int
folder(struct source *s, int dir, const char *mailbox, int dotted)
{
	struct import_out	*out = s->out;
	struct folder		 f = { .out = out, .mailbox = mailbox,
				    .dotted = dotted };
	size_t			 i;

	f.fd[0] = open_at(dir, "new", O_DIRECTORY);
	f.fd[1] = open_at(dir, "cur", O_DIRECTORY);
	if (f.fd[1] == -1 || !is_wanted(s, mailbox) ||
	    import_can_be(out, mailbox) == -1) {
		i = f.fd[1] != -1;
		folder_free(&f);
		return ((int)i);
	}
	read_keywords(&f, dir);
	if ((f.fd[0] != -1 && list_items(&f, 0) == -1) ||
	    list_items(&f, 1) == -1)
		import_missed(out);
	if (f.n == 0)
		import_folder(out, mailbox);
	else
		qsort(f.items, f.n, sizeof(*f.items), by_time);
	if (s->resume && f.n > 0 && resume(s, &f) == -1) {
		import_missed(out);
		folder_free(&f);
		return (1);
	}
	i = (size_t)f.at.n;
	import_at(out, mailbox, f.n - i);
	for (; i < f.n; i++) {
		if (s->resume)
			advance(&f.at, f.items[i].name);
		if (message(&f, &f.items[i]) == -1) {
			warn("%s: %s is left out", mailbox, f.items[i].name);
			import_missed(out);
		}
	}
	folder_free(&f);
	return (1);
}

/* Modified UTF-7, or UTF-8 as it is: Dovecot has both. */
static int
decode(struct buf *b, const char *name)
{
	size_t		 had = b->n;
	const char	*p;

	if (mutf7_decode(b, span_str(name)) == 0)
		return (0);
	buf_truncate(b, had);
	for (p = name; *p != '\0' && (*p & 0x80) == 0; p++)
		continue;
	return (*p == '\0' ? -1 : buf_adds(b, name));
}

/* The mailbox that a directory's name stands for: ".a.b" or "a". */
static int
name_of(const char *name, const char *above, struct buf *b)
{
	char	*dots, *p;
	int	 rc;

	if (name[0] != '.') {
		if (above[0] != '\0')
			(void)buf_addf(b, "%s/", above);
		return (decode(b, name) == 0 ? 0 : buf_adds(b, name));
	}
	if ((dots = strdup(name + 1)) == NULL)
		return (-1);
	for (p = dots; *p != '\0'; p++)
		if (*p == '.')
			*p = '/';
	rc = decode(b, dots);
	free(dots);
	return (rc);
}

/* Everything below a directory. */
static int
folders(struct source *s, int dir, const char *above, int depth)
{
	struct dirent	*e;
	struct buf	 b = { 0 };
	DIR		*d;
	int		 fd, n = 0;

	if ((fd = dup(dir)) == -1 || (d = fdopendir(fd)) == NULL)
		err(EXIT_REFUSED, "%s", above);
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 ||
		    strcmp(e->d_name, "..") == 0 ||
		    strcmp(e->d_name, "cur") == 0 ||
		    strcmp(e->d_name, "new") == 0 ||
		    strcmp(e->d_name, "tmp") == 0 ||
		    (depth > 0 && e->d_name[0] == '.') ||
		    (fd = open_at(dir, e->d_name, O_DIRECTORY)) == -1)
			continue;
		buf_reset(&b);
		if (name_of(e->d_name, above, &b) == -1) {
			warnx("%s: no name of a folder, left out", e->d_name);
			import_missed(s->out);
		} else {
			n += folder(s, fd, buf_cstr(&b), e->d_name[0] == '.');
			if (e->d_name[0] != '.' && depth < DEPTH)
				n += folders(s, fd, buf_cstr(&b), depth + 1);
		}
		close(fd);
	}
	closedir(d);
	buf_free(&b);
	return (n);
}

static int
produce(void *arg, struct import_out *out)
{
	struct source	*s = arg;
	int		 fd, n;

	s->out = out;
	if ((fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1) {
		warn("%s", s->path);
		return (-1);
	}
	n = folder(s, fd, "INBOX", 0);
	n += folders(s, fd, "", 0);
	close(fd);
	if (n == 0)
		warnx("%s: there is no Maildir", s->path);
	else if (s->found < s->n)
		warnx("%s: %d of the %d mailboxes are not there", s->path,
		    s->n - s->found, s->n);
	return (n == 0 || s->found < s->n ? -1 : 0);
}

int
import_maildir(int argc, char **argv)
{
	struct source	 s = { 0 };

	if (strcmp(argv[0], "--resume") == 0) {
		s.resume = 1;
		argc--;
		argv++;
	}
	if (argc < 2) {
		fprintf(stderr, "usage: letterctl import maildir "
		    IMPORT_MAILDIR_USAGE "\n");
		return (EXIT_USAGE_);
	}
	s.account = argv[0];
	s.path = argv[1];
	s.names = argv + 2;
	s.n = argc - 2;
	return (import_run(argv[0], produce, &s));
}
