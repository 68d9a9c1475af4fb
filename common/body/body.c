/*
 * Bodies: their records, references, and reading them.
 */
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body_int.h"

#define ID_BLOCK	4096	/* identities put on record at once */
#define KEY		8	/* octets of a key: the identity */

void
body_key(uint8_t *key, uint64_t id)
{
	int	 i;

	for (i = KEY - 1; i >= 0; i--, id >>= 8)
		key[i] = id & 0xff;
}

static uint64_t
key_id(struct span key)
{
	uint64_t	 id = 0;

	return (key.n == KEY && span_get_u64(&key, &id) == 0 ? id : 0);
}

/* The record of a body: kind, size, CRC-32C, references. */
int
body_put_ref(struct body *b, uint64_t id, const struct body_info *info,
    int fresh)
{
	struct buf	 v = { 0 };
	uint8_t		 key[KEY];
	int		 r = -1;

	body_key(key, id);
	buf_put_u8(&v, info->big != 0);
	buf_put_u64(&v, info->size);
	buf_put_u32(&v, info->crc);
	buf_put_u32(&v, info->refs);
	if (buf_failed(&v))
		errno = ENOMEM;
	else if (fresh)
		r = dbenv_add(b->refs, span_of(key, KEY), span_buf(&v));
	else
		r = dbenv_put(b->refs, span_of(key, KEY), span_buf(&v));
	buf_free(&v);
	return (r);
}

int
body_stat(struct body *b, uint64_t id, struct body_info *info)
{
	struct span	 v;
	uint8_t		 key[KEY], big;

	memset(info, 0, sizeof(*info));
	if (id == 0) {
		errno = ENOENT;
		return (-1);
	}
	body_key(key, id);
	if (dbenv_get(b->refs, span_of(key, KEY), &v) == -1)
		return (-1);
	if (span_get_u8(&v, &big) == -1 || big > 1 ||
	    span_get_u64(&v, &info->size) == -1 ||
	    span_get_u32(&v, &info->crc) == -1 ||
	    span_get_u32(&v, &info->refs) == -1 || v.n != 0) {
		errno = EILSEQ;
		return (-1);
	}
	info->big = big;
	return (0);
}

/* Key 0 of "bodyref" holds a number above all identities ever given. */
static int
read_bound(struct body *b, uint64_t *bound)
{
	struct span	 v;
	uint8_t		 key[KEY];

	*bound = 1;
	body_key(key, 0);
	if (dbenv_get(b->refs, span_of(key, KEY), &v) == -1)
		return (errno == ENOENT ? 0 : -1);
	if (span_get_u64(&v, bound) == -1 || v.n != 0) {
		errno = EILSEQ;
		return (-1);
	}
	return (0);
}

uint64_t
body_new_id(struct body *b)
{
	return (b->next_id++);
}

/*
 * See that the identity is below what is on record, in the transaction that
 * uses it.  What was read in a later group than it was written in stands; until
 * then its command or group may still be undone, so it is read again.
 */
int
body_keep_id(struct body *b, uint64_t id)
{
	uint8_t		 key[KEY], v[KEY];
	uint64_t	 bound;

	if (id < b->bound)
		return (0);
	if (read_bound(b, &bound) == -1)
		return (-1);
	if (id < bound) {
		if (dbenv_seq(b->env) > b->bound_seq)
			b->bound = bound;
		return (0);
	}
	body_key(key, 0);
	body_key(v, id + ID_BLOCK);
	if (dbenv_put(b->refs, span_of(key, KEY), span_of(v, KEY)) == -1)
		return (-1);
	b->bound_seq = dbenv_seq(b->env);
	return (0);
}

struct body *
body_open(struct dbenv *env)
{
	struct body	*b;
	struct span	 key, v;
	uint64_t	 last = 0;
	int		 e;

	if ((b = calloc(1, sizeof(*b))) == NULL)
		return (NULL);
	b->env = env;
	b->bigfd = -1;
	if ((b->values = dbenv_db(env, "body", DBENV_NOSUM)) == NULL ||
	    (b->refs = dbenv_db(env, "bodyref", 0)) == NULL ||
	    read_bound(b, &b->bound) == -1)
		goto fail;
	if (dbenv_last(b->refs, span_of(NULL, 0), &key, &v) == 0 ||
	    errno == EILSEQ)
		last = key_id(key);
	else if (errno != ENOENT)
		goto fail;
	b->next_id = last + 1 > b->bound ? last + 1 : b->bound;
	if (body_dirs(b) == -1 ||
	    (dbenv_is_salvaged(env) && body_repair(b) == -1) ||
	    body_sweep_now(b) == -1)
		goto fail;
	return (b);
fail:
	e = errno;
	if (b->bigfd != -1)
		close(b->bigfd);
	free(b);
	errno = e;
	return (NULL);
}

/* Jobs may outlive body_close(); the last of them frees. */
static void
body_gone(struct body *b)
{
	if (!b->closing || b->njobs != 0)
		return;
	close(b->bigfd);
	free(b);
}

void
body_job(struct body *b, struct dbenv_job *j)
{
	b->njobs++;
	dbenv_job(b->env, j);
}

void
body_job_ended(struct body *b)
{
	b->njobs--;
	body_gone(b);
}

void
body_close(struct body *b)
{
	if (b == NULL)
		return;
	b->closing = 1;
	body_release(b);
	body_gone(b);
}

int
body_ref(struct body *b, uint64_t id, uint32_t n)
{
	struct body_info	 info;

	if (body_stat(b, id, &info) == -1)
		return (-1);
	if (n > UINT32_MAX - info.refs) {
		errno = EOVERFLOW;
		return (-1);
	}
	info.refs += n;
	return (body_put_ref(b, id, &info, 0));
}

int
body_unref(struct body *b, uint64_t id)
{
	struct body_info	 info;
	uint8_t			 key[KEY];

	if (body_stat(b, id, &info) == -1)
		return (-1);
	if (info.refs > 1) {
		info.refs--;
		return (body_put_ref(b, id, &info, 0));
	}
	if (b->last_id == id)
		b->last_id = 0;
	body_key(key, id);
	if (dbenv_del(b->refs, span_of(key, KEY)) == -1)
		return (-1);
	if (info.big) {
		body_remove(b, id, 0);
		return (0);
	}
	if (dbenv_del(b->values, span_of(key, KEY)) == -1 && errno != ENOENT)
		return (-1);
	return (0);
}

/*
 * The value of a small one, borrowed from the database handle, which nobody
 * but this reads.  ENOENT: it is a large one, or none.
 */
static int
value(struct body *b, uint64_t id, struct span *v)
{
	uint8_t	 key[KEY];

	if (id != b->last_id) {
		b->last_id = 0;
		body_key(key, id);
		if (dbenv_get(b->values, span_of(key, KEY),
		    &b->last_val) == -1)
			return (-1);
		b->last_id = id;
	}
	*v = b->last_val;
	return (0);
}

/* The same of one whose record says that it is a small one. */
static int
recorded(struct body *b, uint64_t id, struct span *v)
{
	if (value(b, id, v) == 0)
		return (0);
	if (errno == ENOENT)
		errno = EILSEQ;
	return (-1);
}

static ssize_t
read_big(struct body *b, uint64_t id, uint64_t off, void *p, size_t n)
{
	struct body_info	 info;
	ssize_t			 got;
	int			 fd, e;

	if (body_stat(b, id, &info) == -1)
		return (-1);
	if (!info.big) {		/* its value is gone */
		errno = EILSEQ;
		return (-1);
	}
	if (off >= info.size)
		return (0);
	if (n > info.size - off)
		n = (size_t)(info.size - off);
	if ((fd = body_open_big(b, id)) == -1)
		return (-1);
	got = body_pread(fd, p, n, off);
	e = errno;
	close(fd);
	if (got >= 0 && (size_t)got < n) {
		e = EILSEQ;
		got = -1;
	}
	errno = e;
	return (got);
}

/* Most are small: these need no look at their record. */
ssize_t
body_read(struct body *b, uint64_t id, uint64_t off, void *p, size_t n)
{
	struct span	 v;

	if (value(b, id, &v) == -1)
		return (errno == ENOENT ? read_big(b, id, off, p, n) : -1);
	if (off >= v.n)
		return (0);
	if (n > v.n - off)
		n = (size_t)(v.n - off);
	memcpy(p, v.p + off, n);
	return ((ssize_t)n);
}

static int
write_all(int fd, struct span s)
{
	ssize_t	 n;

	while (s.n > 0) {
		if ((n = write(fd, s.p, s.n)) == -1) {
			if (errno == EINTR)
				continue;
			return (-1);
		}
		s.p += n;
		s.n -= (size_t)n;
	}
	return (0);
}

int
body_fd(struct body *b, uint64_t id)
{
	struct body_info	 info;
	struct span		 v;
	int			 fd, e;

	if (body_stat(b, id, &info) == -1)
		return (-1);
	if (info.big)
		return (body_open_big(b, id));
	if (recorded(b, id, &v) == -1)
		return (-1);
	fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd == -1)
		return (-1);
	if (write_all(fd, v) == -1 || fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL |
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == -1) {
		e = errno;
		close(fd);
		errno = e;
		return (-1);
	}
	return (fd);
}

int
body_next(struct body *b, uint64_t id, uint64_t *next)
{
	struct span	 key, v;
	uint8_t		 from[KEY];

	*next = 0;
	if (id == UINT64_MAX) {
		errno = ENOENT;
		return (-1);
	}
	body_key(from, id + 1);
	if (dbenv_next(b->refs, span_of(from, KEY), &key, &v) == -1 &&
	    errno != EILSEQ)
		return (-1);
	*next = key_id(key);
	return (0);
}

static void
check_run(struct dbenv_job *j)
{
	struct body_check	*c = j->arg;
	uint64_t		 off = 0;
	uint32_t		 crc = 0;
	ssize_t			 n;
	void			*p;

	if (c->fd == -1)
		return;
	if ((p = malloc(BODY_SLICE)) == NULL) {
		c->error = ENOMEM;
		return;
	}
	while ((n = body_pread(c->fd, p, BODY_SLICE, off)) > 0) {
		crc = crc32c(crc, p, (size_t)n);
		off += (uint64_t)n;
	}
	if (n == -1)
		c->error = errno;
	else if (off != c->info.size || crc != c->info.crc)
		c->error = EILSEQ;
	free(p);
}

static void
check_done(struct dbenv_job *j)
{
	struct body_check	*c = j->arg;
	struct body		*b = c->body;

	if (c->fd != -1)
		close(c->fd);
	c->done(c, c->error);
	body_job_ended(b);
}

void
body_check(struct body *b, uint64_t id, struct body_check *c)
{
	struct span	 v;

	c->id = id;
	c->body = b;
	c->fd = -1;
	c->error = 0;
	c->job.run = check_run;
	c->job.done = check_done;
	c->job.arg = c;
	if (body_stat(b, id, &c->info) == -1)
		c->error = errno;
	else if (c->info.big) {
		if ((c->fd = body_open_big(b, id)) == -1)
			c->error = errno;
	} else {
		b->last_id = 0;		/* from the database again */
		if (recorded(b, id, &v) == -1)
			c->error = errno;
		else if (v.n != c->info.size ||
		    crc32c(0, v.p, v.n) != c->info.crc)
			c->error = EILSEQ;
	}
	body_job(b, &c->job);
}

void
body_stats(const struct body *b, struct body_stats *st)
{
	*st = b->st;
}
