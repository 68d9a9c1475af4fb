/*
 * The files of large bodies: their names, their removal after the flush, the
 * look for those that no record names, and their part of a backup.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body_int.h"

#define ID_DIGITS	16

/* "XX/ID" or "XX/ID.tmp", at most 24 octets into NAME_MAX_. */
const char *
body_name(char *out, uint64_t id, enum name_kind kind)
{
	snprintf(out, NAME_MAX_, "%02x/%016llx%s", (unsigned int)(id & 0xff),
	    (unsigned long long)id, kind == NAME_TMP ? ".tmp" : "");
	return (out);
}

/* The identity that a file's name means; 0 for anything else. */
static uint64_t
parse_name(const char *name, int *tmp)
{
	uint64_t	 id = 0;
	const char	*digits = "0123456789abcdef", *d;
	int		 i;

	for (i = 0; i < ID_DIGITS; i++) {
		if (name[i] == '\0' || (d = strchr(digits, name[i])) == NULL)
			return (0);
		id = id << 4 | (uint64_t)(d - digits);
	}
	*tmp = strcmp(name + ID_DIGITS, ".tmp") == 0;
	return (*tmp || name[ID_DIGITS] == '\0' ? id : 0);
}

ssize_t
body_pread(int fd, void *p, size_t n, uint64_t off)
{
	size_t	 got = 0;
	ssize_t	 r;

	while (got < n) {
		r = pread(fd, (uint8_t *)p + got, n - got, (off_t)(off + got));
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return (-1);
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return ((ssize_t)got);
}

int
body_open_big(struct body *b, uint64_t id)
{
	char	 name[NAME_MAX_];
	int	 fd;

	fd = openat(b->bigfd, body_name(name, id, NAME_BODY),
	    O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 && errno == ENOENT)
		errno = EILSEQ;		/* its record says it is there */
	return (fd);
}

/* Make a directory when missing, as the user whose the environment is. */
static int
make_dir(struct body *b, int at, const char *name)
{
	struct stat	 st;

	/* mkdir() waits for a file system that is busy, also for nothing. */
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return (0);
	if (mkdirat(at, name, 0700) == -1)
		return (errno == EEXIST ? 0 : -1);
	if (geteuid() != 0)
		return (1);
	if (fstat(dbenv_dirfd(b->env), &st) == -1 ||
	    fchownat(at, name, st.st_uid, st.st_gid,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return (-1);
	return (1);
}

int
body_dirs(struct body *b)
{
	char	 name[NAME_MAX_];
	int	 i, r, made = 0;

	if ((r = make_dir(b, dbenv_dirfd(b->env), "big")) == -1)
		return (-1);
	b->bigfd = openat(dbenv_dirfd(b->env), "big",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (b->bigfd == -1)
		return (-1);
	for (i = 0; i < BIG_DIRS; i++) {
		body_name(name, (uint64_t)i, NAME_BODY);
		*strchr(name, '/') = '\0';
		if ((r = make_dir(b, b->bigfd, name)) == -1)
			return (-1);
		made |= r;
	}
	if (made && (fsync(b->bigfd) == -1 ||
	    fsync(dbenv_dirfd(b->env)) == -1))
		return (-1);
	return (0);
}

/*
 * Call each() for every file of one directory of big/; it returns an errno.
 * Returns 0 or an errno.
 */
int
body_walk(int bigfd, unsigned int n,
    int (*each)(void *, int fd, const char *, uint64_t id, int tmp), void *arg)
{
	struct dirent	*d;
	char		 name[NAME_MAX_];
	uint64_t	 id;
	DIR		*dir;
	int		 fd, tmp, e = 0;

	body_name(name, n, NAME_BODY);
	*strchr(name, '/') = '\0';
	fd = openat(bigfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
	    O_NOFOLLOW);
	if (fd == -1)
		return (errno);
	if ((dir = fdopendir(fd)) == NULL) {
		e = errno;
		close(fd);
		return (e);
	}
	while (e == 0 && (errno = 0, d = readdir(dir)) != NULL)
		if ((id = parse_name(d->d_name, &tmp)) != 0 &&
		    (id & 0xff) == n)
			e = each(arg, fd, d->d_name, id, tmp);
	if (e == 0)
		e = errno;
	closedir(dir);
	return (e);
}

/* At start nothing is under way: what no record names goes at once. */
static int
sweep_one(void *arg, int fd, const char *name, uint64_t id, int tmp)
{
	struct body	*b = arg;
	uint8_t		 key[8];
	int		 has;

	body_key(key, id);
	has = tmp ? 0 : dbenv_has(b->refs, span_of(key, sizeof(key)));
	if (has == -1)
		return (errno);
	if (has == 0 && unlinkat(fd, name, 0) == 0) {
		b->st.unlinked++;
		b->st.swept++;
	}
	return (0);
}

int
body_sweep_now(struct body *b)
{
	unsigned int	 i;
	int		 e;

	for (i = 0; i < BIG_DIRS; i++)
		if ((e = body_walk(b->bigfd, i, sweep_one, b)) != 0) {
			errno = e;
			return (-1);
		}
	return (0);
}

static int
in_flight(struct body *b, uint64_t id)
{
	struct body_in	*in;

	for (in = b->ins; in != NULL; in = in->next)
		if (in->id == id)
			return (1);
	return (0);
}

static void
removal_run(struct dbenv_job *j)
{
	struct removal	*r = j->arg;
	char		 name[NAME_MAX_];

	unlinkat(r->b->bigfd, body_name(name, r->id, NAME_BODY), 0);
}

static void
removal_done(struct dbenv_job *j)
{
	struct removal	*r = j->arg;
	struct body	*b = r->b;

	b->st.unlinked++;
	b->st.swept += r->swept != 0;
	free(r);
	body_job_ended(b);
}

/*
 * All that may have dropped the file is on disk or undone, unless another
 * removal of it waits, which then decides.
 */
static void
removal_due(struct dbenv_wait *w, int error)
{
	struct removal	*r = w->arg, **p, *o;
	struct body	*b = r->b;
	uint8_t		 key[8];
	int		 again = 0;

	(void)error;
	for (p = &b->removals; (o = *p) != NULL;) {
		if (o == r) {
			*p = o->next;
			continue;
		}
		again |= o->id == r->id;
		p = &o->next;
	}
	body_key(key, r->id);
	if (again || in_flight(b, r->id) ||
	    dbenv_has(b->refs, span_of(key, sizeof(key))) != 0) {
		free(r);
		return;
	}
	if (b->backup != NULL) {
		r->next = b->held;
		b->held = r;
		return;
	}
	r->job.run = removal_run;
	r->job.done = removal_done;
	r->job.arg = r;
	body_job(b, &r->job);
}

/*
 * The file goes when the open group is flushed and no record names it then.
 * Without memory it stays until the next sweep.
 */
void
body_remove(struct body *b, uint64_t id, int swept)
{
	struct removal	*r;

	if (b->closing || (r = calloc(1, sizeof(*r))) == NULL)
		return;
	r->b = b;
	r->id = id;
	r->swept = swept;
	r->wait.done = removal_due;
	r->wait.arg = r;
	r->next = b->removals;
	b->removals = r;
	if (dbenv_wait(b->env, dbenv_seq(b->env), &r->wait) == 1)
		removal_due(&r->wait, 0);
}

/* At the end: what was not removed yet is found at the next start. */
void
body_release(struct body *b)
{
	struct removal	*r;

	while ((r = b->removals) != NULL) {
		b->removals = r->next;
		dbenv_unwait(b->env, &r->wait);
		free(r);
	}
	while ((r = b->held) != NULL) {
		b->held = r->next;
		free(r);
	}
}

static int
collect(void *arg, int fd, const char *name, uint64_t id, int tmp)
{
	struct sweep	*s = arg;
	uint64_t	*p;

	(void)fd;
	(void)name;
	if (tmp)		/* being written, or found at the next start */
		return (0);
	if (s->n == s->cap) {
		s->cap = s->cap == 0 ? 256 : s->cap * 2;
		p = reallocarray(s->ids, s->cap, sizeof(*p));
		if (p == NULL)
			return (ENOMEM);
		s->ids = p;
	}
	s->ids[s->n++] = id;
	return (0);
}

static void
sweep_run(struct dbenv_job *j)
{
	struct sweep	*s = j->arg;

	s->error = body_walk(s->b->bigfd, s->dir, collect, s);
}

/* One directory's files against the records; then the next directory. */
static void
sweep_done(struct dbenv_job *j)
{
	struct sweep	*s = j->arg;
	struct body	*b = s->b;
	uint8_t		 key[8];
	size_t		 i;

	for (i = 0; i < s->n && !b->closing; i++) {
		body_key(key, s->ids[i]);
		if (!in_flight(b, s->ids[i]) &&
		    dbenv_has(b->refs, span_of(key, sizeof(key))) == 0)
			body_remove(b, s->ids[i], 1);
	}
	s->n = 0;
	if (!b->closing && ++s->dir < BIG_DIRS)
		body_job(b, &s->job);
	else {
		b->sweep = NULL;
		free(s->ids);
		free(s);
	}
	body_job_ended(b);
}

void
body_sweep(struct body *b)
{
	struct sweep	*s;

	if (b->sweep != NULL || (s = calloc(1, sizeof(*s))) == NULL)
		return;
	s->b = b;
	s->job.run = sweep_run;
	s->job.done = sweep_done;
	s->job.arg = s;
	b->sweep = s;
	body_job(b, &s->job);
}

int
body_spool(struct body *b)
{
	static unsigned int	 n;
	char			 name[NAME_MAX_];
	int			 fd;

	fd = openat(b->bigfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd != -1 || (errno != EOPNOTSUPP && errno != EISDIR))
		return (fd);
	snprintf(name, sizeof(name), "spool-%u", n++);
	fd = openat(b->bigfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);
	if (fd != -1)
		unlinkat(b->bigfd, name, 0);
	return (fd);
}

int
body_spool_write(int fd, struct span s, uint64_t at)
{
	ssize_t	 n;

	while (s.n > 0) {
		n = pwrite(fd, s.p, s.n, (off_t)at);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return (-1);
		s.p += n;
		s.n -= (size_t)n;
		at += (uint64_t)n;
	}
	return (0);
}

/* In the backup's thread: one file into the copy. */
static int
backup_one(void *arg, int dirfd, const char *file, uint64_t id, int tmp)
{
	struct dbenv_backup	*bk = arg;
	char			 part[NAME_MAX_], name[NAME_MAX_ + 4];
	uint64_t		 off = 0;
	uint8_t			*p;
	ssize_t			 n;
	int			 fd, e;

	if (tmp)
		return (0);
	if ((fd = openat(dirfd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) == -1)
		return (errno == ENOENT ? 0 : errno);
	if ((p = malloc(BODY_SLICE)) == NULL) {
		close(fd);
		return (ENOMEM);
	}
	snprintf(name, sizeof(name), "big/%s", body_name(part, id, NAME_BODY));
	if ((e = bk->open(bk, name)) == 0) {
		while (e == 0 &&
		    (n = body_pread(fd, p, BODY_SLICE, off)) != 0) {
			if (n == -1)
				e = errno;
			else
				e = bk->write(bk, off, p, (size_t)n);
			off += n > 0 ? (uint64_t)n : 0;
		}
		if (bk->close(bk, name) != 0 && e == 0)
			e = EIO;
	}
	free(p);
	close(fd);
	return (e);
}

static int
backup_more(struct dbenv_backup *bk)
{
	struct body	*b = bk->more_arg;
	unsigned int	 i;
	int		 e = 0;

	for (i = 0; i < BIG_DIRS && e == 0; i++)
		e = body_walk(b->bigfd, i, backup_one, bk);
	return (e);
}

static void
backup_done(struct dbenv_backup *bk, int error)
{
	struct body	*b = bk->more_arg;
	struct removal	*r;

	b->backup = NULL;
	while ((r = b->held) != NULL) {
		b->held = r->next;
		body_remove(b, r->id, r->swept);
		free(r);
	}
	b->backup_done(bk, error);
}

int
body_backup(struct body *b, struct dbenv_backup *bk)
{
	if (b->backup != NULL) {
		errno = EBUSY;
		return (-1);
	}
	b->backup_done = bk->done;
	bk->done = backup_done;
	bk->more = backup_more;
	bk->more_arg = b;
	b->backup = bk;
	if (dbenv_backup(b->env, bk) == -1) {
		b->backup = NULL;
		bk->done = b->backup_done;
		return (-1);
	}
	return (0);
}
