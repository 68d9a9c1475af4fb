/*
 * Writing a damaged or grown environment anew.  See dbenv_salvage.h.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"
#include "dbenv_page_int.h"
#include "dbenv_salvage.h"

#define PIECE		(1024 * 1024)	/* octets copied at once */
#define GROUP		1000		/* records in one transaction */
#define GROUP_OCTETS	(4 * 1024 * 1024)

struct leaf {
	uint32_t	 lsn[2];
	uint32_t	 no;
};

struct salvage {
	struct dbenv_salvage	*s;
	struct buf		*why;
	int			 work, into;	/* directories */
	struct dbenv		*env;		/* the new one */
	struct buf		 value;
	size_t			 n, octets;	/* in the open group */
};

static int	 fail(struct salvage *, const char *, const char *);
static int	 is_database(const char *);
static int	 each(struct salvage *, int, int (*)(struct salvage *,
		    const char *));

static int
fail(struct salvage *x, const char *what, const char *name)
{
	int	 e = errno;

	if (x->why->n == 0)
		(void)buf_addf(x->why, "%s%s%s: %s", what, name[0] == '\0' ?
		    "" : " ", name, strerror(e));
	errno = e;
	return (-1);
}

static void	 lose(struct salvage *, const char *, ...)
		    __attribute__((__format__(printf, 2, 3)));

/* Something is lost. */
static void
lose(struct salvage *x, const char *fmt, ...)
{
	char	 text[256];
	va_list	 ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->s->lost++;
	x->s->say(x->s->arg, text);
}

static int
is_database(const char *name)
{
	size_t	 n = strlen(name);

	return (n > 3 && strcmp(name + n - 3, ".db") == 0 &&
	    strncmp(name, "__db.", 5) != 0);
}

static int
is_log(const char *name)
{
	return (strncmp(name, "log.", 4) == 0);
}

/* fn for each name in a directory, in no order. */
static int
each(struct salvage *x, int dir, int (*fn)(struct salvage *, const char *))
{
	struct dirent	*e;
	DIR		*d;
	int		 fd = dup(dir), rc = 0;

	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return (fail(x, "reading", x->s->home));
	}
	rewinddir(d);
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = fn(x, e->d_name);
	closedir(d);
	return (rc);
}

/* ---- the copy, and its recovery ----------------------------------------------- */

/* A page that could not be read is all zeroes in the copy. */
static int
copy_octets(int from, int to)
{
	static uint8_t	 room[PIECE];
	struct stat	 sb;
	off_t		 off;
	ssize_t		 n, k;

	if (fstat(from, &sb) == -1)
		return (-1);
	for (off = 0; off < sb.st_size; off += n) {
		n = pread(from, room, sizeof(room), off);
		if (n == -1 && errno == EIO) {
			n = DBENV_PAGE;
			if (pread(from, room, (size_t)n, off) != n)
				memset(room, 0, (size_t)n);
		}
		if (n <= 0)
			return (n == 0 ? 0 : -1);
		for (k = 0; k < n; k += DBENV_PAGE)
			if (pwrite(to, room + k, (size_t)(n - k < DBENV_PAGE ?
			    n - k : DBENV_PAGE), off + k) == -1)
				return (-1);
	}
	return (ftruncate(to, sb.st_size));
}

static int
copy_file(struct salvage *x, const char *name)
{
	struct stat	 sb;
	int		 from, to, rc = -1;

	/* one that was restored needs all of its log applied */
	if (!is_database(name) && !is_log(name) &&
	    strcmp(name, RESTORED_NAME) != 0)
		return (0);
	from = openat(x->s->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (from == -1)
		return (fail(x, "opening", name));
	to = openat(x->work, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (to != -1)
		rc = copy_octets(from, to);
	if (rc == 0 && is_database(name) && fstat(from, &sb) == 0)
		x->s->octets[0] += (uint64_t)sb.st_size;
	if (rc == -1)
		(void)fail(x, "copying", name);
	close(from);
	if (to != -1)
		close(to);
	return (rc);
}

/* Bad sums would end the recovery: in the copy they are made good. */
static int
mend_sums(struct salvage *x, const char *name)
{
	uint8_t		 page[DBENV_PAGE];
	uint32_t	 no;
	int		 fd, sums = 1;

	if (!is_database(name))
		return (0);
	if ((fd = openat(x->work, name, O_RDWR | O_CLOEXEC)) == -1)
		return (fail(x, "opening", name));
	for (no = 0; pread(fd, page, sizeof(page), (off_t)no * DBENV_PAGE) ==
	    sizeof(page); no++) {
		if (dbenv_page_ok(page, no, &sums))
			continue;
		lose(x, "%s: page %u is damaged", name, no);
		if (sums && pread(fd, page, sizeof(page),
		    (off_t)no * DBENV_PAGE) == sizeof(page)) {
			dbenv_page_mend(page, no);
			if (pwrite(fd, page, sizeof(page),
			    (off_t)no * DBENV_PAGE) != sizeof(page)) {
				close(fd);
				return (fail(x, "writing", name));
			}
		}
	}
	close(fd);
	return (0);
}

/* In a process of its own, that may die of it.  1: the log is applied. */
static int
recovered(struct salvage *x)
{
	struct dbenv_conf	 conf = { .home = x->s->work };
	struct dbenv		*env;
	pid_t			 pid;
	int			 status;

	if ((pid = fork()) == -1)
		return (0);
	if (pid == 0) {
		if (dbenv_open(&conf, &env, NULL) == -1)
			_exit(1);
		dbenv_close(env);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return (0);
	return (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- records ------------------------------------------------------------------ */

static int
by_lsn(const void *a, const void *b)
{
	const struct leaf	*x = a, *y = b;
	int			 i;

	for (i = 0; i < 2; i++)
		if (x->lsn[i] != y->lsn[i])
			return (x->lsn[i] < y->lsn[i] ? -1 : 1);
	return (x->no < y->no ? -1 : x->no > y->no);
}

/* The leaves, the last written last: where a key is in two, that one wins. */
static int
leaves(struct salvage *x, int fd, struct leaf **out, size_t *n)
{
	struct leaf	*v = NULL, *nv;
	uint8_t		 page[DBENV_PAGE];
	uint32_t	 no;

	*n = 0;
	for (no = 1; pread(fd, page, sizeof(page), (off_t)no * DBENV_PAGE) ==
	    sizeof(page); no++) {
		if (!dbenv_page_leaf(page, no))
			continue;
		if ((*n & (*n - 1)) == 0) {
			nv = reallocarray(v, *n == 0 ? 1 : *n * 2,
			    sizeof(*nv));
			if (nv == NULL) {
				free(v);
				return (fail(x, "memory", ""));
			}
			v = nv;
		}
		memcpy(v[*n].lsn, page, sizeof(v[*n].lsn));
		v[(*n)++].no = no;
	}
	if (*n > 0)
		qsort(v, *n, sizeof(*v), by_lsn);
	*out = v;
	return (0);
}

static int
group_end(struct salvage *x)
{
	if (x->n == 0)
		return (0);
	if (dbenv_commit(x->env) == -1 || dbenv_turn_end(x->env) == -1) {
		(void)buf_adds(x->why, dbenv_error(x->env));
		return (-1);
	}
	x->n = x->octets = 0;
	return (0);
}

static int
record(struct salvage *x, struct dbenv_db *db, struct span key,
    struct span sealed)
{
	struct span	 val = sealed;
	struct buf	 hex = { .max = 200 };

	if (sealed.p == NULL || key.n == 0 || key.n > DBENV_KEY_MAX ||
	    dbenv_unseal(key, &val) == -1) {
		(void)buf_addf(&hex, "%s: key ", dbenv_db_name(db));
		buf_add_hex(&hex, span_of(key.p, key.n < 64 ? key.n : 64));
		lose(x, "%s", buf_cstr(&hex));
		buf_free(&hex);
		return (0);
	}
	if (x->n == 0 && dbenv_begin(x->env) == -1)
		goto err;
	if (dbenv_put(db, key, val) == -1)
		goto err;
	x->s->records++;
	x->octets += key.n + val.n;
	if (++x->n < GROUP && x->octets < GROUP_OCTETS)
		return (0);
	return (group_end(x));
err:
	(void)buf_adds(x->why, dbenv_error(x->env));
	return (-1);
}

static int
copy_leaf(struct salvage *x, struct dbenv_db *db, int fd, uint32_t no,
    int sums)
{
	uint8_t		 page[DBENV_PAGE];
	struct span	 key;
	unsigned	 i;
	int		 rc;

	if (pread(fd, page, sizeof(page), (off_t)no * DBENV_PAGE) !=
	    sizeof(page))
		return (0);
	for (i = 0; (rc = dbenv_page_record(page, sums, fd, i, &key,
	    &x->value)) != 0; i++)
		if (rc == 1 && record(x, db, key, buf_failed(&x->value) ?
		    span_of(NULL, 0) : span_buf(&x->value)) == -1)
			return (-1);
	return (0);
}

static int
copy_records(struct salvage *x, const char *name)
{
	struct leaf	*v = NULL;
	struct dbenv_db	*db;
	uint8_t		 page[DBENV_PAGE];
	char		*base;
	size_t		 i, n;
	int		 fd, sums, rc = -1;

	if (!is_database(name))
		return (0);
	if ((fd = openat(x->work, name, O_RDONLY | O_CLOEXEC)) == -1)
		return (fail(x, "opening", name));
	sums = dbenv_page_sums(fd, page);
	if ((base = strndup(name, strlen(name) - 3)) == NULL) {
		close(fd);
		return (fail(x, "memory", ""));
	}
	db = dbenv_db(x->env, base, sums ? 0 : DBENV_NOSUM);
	if (db == NULL)
		(void)buf_adds(x->why, dbenv_error(x->env));
	else if (leaves(x, fd, &v, &n) == 0)
		for (i = 0, rc = 0; i < n && rc == 0; i++)
			rc = copy_leaf(x, db, fd, v[i].no, sums);
	free(v);
	free(base);
	close(fd);
	return (rc == 0 ? group_end(x) : -1);
}

/* ---- the rest ------------------------------------------------------------------ */

static int
is_of_the_environment(const char *name)
{
	return (is_database(name) || is_log(name) ||
	    strncmp(name, "__db.", 5) == 0 || strcmp(name, "reserve") == 0 ||
	    strcmp(name, "panic") == 0 || strcmp(name, RESTORED_NAME) == 0 ||
	    strcmp(name, DBENV_SALVAGED) == 0);
}

/* Large bodies, big/XX/ID, and plain files; names[] is the way down. */
static int
link_below(int from, int to, const char *name, int depth)
{
	struct stat	 sb;
	struct dirent	*e;
	DIR		*d = NULL;
	int		 a, b = -1, rc = -1;

	if (fstatat(from, name, &sb, AT_SYMLINK_NOFOLLOW) == -1)
		return (-1);
	if (S_ISREG(sb.st_mode))
		return (linkat(from, name, to, name, 0));
	if (!S_ISDIR(sb.st_mode) || depth == 0)
		return (0);
	a = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (a != -1 && mkdirat(to, name, 0700) == 0)
		b = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (b != -1 && (d = fdopendir(a)) != NULL) {
		rc = 0;
		while (rc == 0 && (e = readdir(d)) != NULL)
			if (e->d_name[0] != '.')
				rc = link_below(a, b, e->d_name, depth - 1);
		if (rc == 0)
			rc = fsync(b);
		closedir(d);
		a = -1;
	}
	if (a != -1)
		close(a);
	if (b != -1)
		close(b);
	return (rc);
}

static int
link_rest(struct salvage *x, const char *name)
{
	/* where something is lost, what was certain is not */
	if (is_of_the_environment(name) ||
	    (x->s->lost > 0 && strcmp(name, BOOT_NAME) == 0))
		return (0);
	if (link_below(x->s->dir, x->into, name, 2) == -1)
		return (fail(x, "linking", name));
	return (0);
}

static int
sum_octets(struct salvage *x, const char *name)
{
	struct stat	 sb;

	if (is_database(name) && fstatat(x->into, name, &sb, 0) == 0)
		x->s->octets[1] += (uint64_t)sb.st_size;
	return (0);
}

static int
note_salvaged(struct salvage *x)
{
	int	 fd;

	fd = openat(x->into, DBENV_SALVAGED, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0600);
	if (fd == -1 || fsync(fd) == -1)
		return (fail(x, "writing", DBENV_SALVAGED));
	close(fd);
	return (0);
}

static int
open_dir(struct salvage *x, const char *path)
{
	int	 fd;

	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		(void)fail(x, "opening", path);
	return (fd);
}

static int
salvage(struct salvage *x)
{
	struct dbenv_conf	 conf = { .home = x->s->into };

	if (each(x, x->s->dir, copy_file) == -1 ||
	    each(x, x->work, mend_sums) == -1)
		return (-1);
	if (!recovered(x))
		lose(x, "the log cannot be applied, the last minute's changes "
		    "may be missing");
	if (x->s->strict && x->s->lost > 0) {
		errno = EILSEQ;
		return (fail(x, "it is damaged", ""));
	}
	if (dbenv_open(&conf, &x->env, x->why) == -1)
		return (-1);
	if (each(x, x->work, copy_records) == -1)
		return (-1);
	dbenv_close(x->env);
	x->env = NULL;
	if (x->s->strict && x->s->lost > 0) {
		errno = EILSEQ;
		return (fail(x, "it is damaged", ""));
	}
	if (each(x, x->s->dir, link_rest) == -1 ||
	    (x->s->lost > 0 && note_salvaged(x) == -1) ||
	    each(x, x->into, sum_octets) == -1)
		return (-1);
	return (fsync(x->into) == -1 ? fail(x, "writing", x->s->into) : 0);
}

int
dbenv_salvage(struct dbenv_salvage *s, struct buf *why)
{
	struct salvage	 x = { .s = s, .why = why, .work = -1, .into = -1 };
	int		 e, rc = -1;

	s->records = s->lost = s->octets[0] = s->octets[1] = 0;
	if (flock(s->dir, LOCK_EX | LOCK_NB) == -1)
		(void)fail(&x, "in use:", s->home);
	else if ((x.work = open_dir(&x, s->work)) != -1 &&
	    (x.into = open_dir(&x, s->into)) != -1)
		rc = salvage(&x);
	e = errno;
	dbenv_close(x.env);
	buf_free(&x.value);
	if (x.into != -1)
		close(x.into);
	if (x.work != -1)
		close(x.work);
	errno = e;
	return (rc);
}

/* What is in it, to some depth. */
static int
remove_below(int dir, const char *name, int depth)
{
	struct dirent	*e;
	DIR		*d;
	int		 fd, rc = 0;

	if (unlinkat(dir, name, 0) == 0)
		return (0);
	if (depth == 0 || (errno != EISDIR && errno != EPERM))
		return (-1);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || (d = fdopendir(fd)) == NULL) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	while (rc == 0 && (e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = remove_below(dirfd(d), e->d_name, depth - 1);
	closedir(d);
	return (rc == 0 ? unlinkat(dir, name, AT_REMOVEDIR) : -1);
}

int
dbenv_remove(const char *path)
{
	return (remove_below(AT_FDCWD, path, 3));
}
