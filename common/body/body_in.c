/*
 * Taking bodies in: small ones in memory at once, large ones into a file by a
 * helper thread.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body_int.h"

static void
unlist(struct body_in *in)
{
	if (in->prev == NULL)
		return;
	if (in->next != NULL)
		in->next->prev = in->prev;
	*in->prev = in->next;
	in->prev = NULL;
	in->b->st.in_now--;
}

static void
destroy(struct body_in *in)
{
	unlist(in);
	if (in->fd != -1)
		close(in->fd);
	buf_free(&in->data);
	pthread_mutex_destroy(&in->mtx);
	free(in);
}

static int
feed(struct body_in *in, struct span s)
{
	if (in->src.feed == NULL || s.n == 0)
		return (0);
	return (in->src.feed(in->src.arg, s));
}

/* feed, unless the owner gave up meanwhile. */
static int
feed_locked(struct body_in *in, struct span s)
{
	int	 e;

	pthread_mutex_lock(&in->mtx);
	e = in->cancelled ? ECANCELED : feed(in, s);
	pthread_mutex_unlock(&in->mtx);
	return (e);
}

/* The octets s are stored and fed; 0 or an errno. */
static int
store(struct body_in *in, int fd, struct span s)
{
	ssize_t	 n;
	int	 e;

	if (s.n > in->src.max - in->size)
		return (EFBIG);
	in->crc = crc32c(in->crc, s.p, s.n);
	if ((e = feed_locked(in, s)) != 0)
		return (e);
	while (s.n > 0) {
		n = pwrite(fd, s.p, s.n, (off_t)in->size);
		if (n == -1) {
			if (errno == EINTR)
				continue;
			return (errno);
		}
		in->size += (uint64_t)n;
		s.p += n;
		s.n -= (size_t)n;
	}
	return (0);
}

/* Octets to read at off, at most n. */
static size_t
rest(const struct body_in *in, uint64_t off, size_t n)
{
	uint64_t	 left = in->src.size - off;

	return (in->src.size == 0 || left >= n ? n : (size_t)left);
}

/* What was read already, then the rest of the descriptor. */
static int
copy(struct body_in *in, int fd)
{
	uint64_t	 off = in->data.n - in->nprefix;
	uint8_t		*p;
	ssize_t		 n;
	int		 e;

	if ((e = store(in, fd, span_buf(&in->data))) != 0)
		return (e);
	if ((p = malloc(BODY_SLICE)) == NULL)
		return (ENOMEM);
	while (e == 0 && (n = body_pread(in->fd, p,
	    rest(in, off, BODY_SLICE), off)) != 0) {
		if (n == -1) {
			e = errno;
			break;
		}
		off += (uint64_t)n;
		e = store(in, fd, span_of(p, (size_t)n));
	}
	free(p);
	return (e);
}

/* Into place, so that a crash leaves it whole or leaves nothing that counts. */
static int
settle(struct body_in *in, int fd)
{
	char	 tmp[NAME_MAX_], name[NAME_MAX_], dir[NAME_MAX_];
	int	 bigfd = in->b->bigfd, dfd, e = 0;

	body_name(tmp, in->id, NAME_TMP);
	body_name(name, in->id, NAME_BODY);
	if (fdatasync(fd) == -1 ||
	    linkat(bigfd, tmp, bigfd, name, 0) == -1 ||
	    unlinkat(bigfd, tmp, 0) == -1)
		return (errno);
	memcpy(dir, name, sizeof(dir));
	*strchr(dir, '/') = '\0';
	dfd = openat(bigfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dfd == -1 || fsync(dfd) == -1)
		e = errno;
	if (dfd != -1)
		close(dfd);
	return (e);
}

static void
in_run(struct dbenv_job *j)
{
	struct body_in	*in = j->arg;
	char		 tmp[NAME_MAX_], name[NAME_MAX_];
	int		 fd;

	body_name(tmp, in->id, NAME_TMP);
	fd = openat(in->b->bigfd, tmp, O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		in->error = errno;
		return;
	}
	if ((in->error = copy(in, fd)) == 0)
		in->error = settle(in, fd);
	close(fd);
	if (in->error != 0) {
		unlinkat(in->b->bigfd, tmp, 0);
		unlinkat(in->b->bigfd, body_name(name, in->id, NAME_BODY), 0);
	}
}

static void
in_done(struct dbenv_job *j)
{
	struct body_in	*in = j->arg;
	struct body	*b = in->b;

	close(in->fd);
	in->fd = -1;
	if (in->cancelled) {
		unlist(in);
		if (in->error == 0)
			body_remove(b, in->id, 0);
		destroy(in);
		body_job_ended(b);
		return;
	}
	if (in->error == 0) {
		in->whole = 1;
		in->b->st.in_big++;
		in->b->st.in_octets += in->size;
	}
	buf_free(&in->data);
	in->src.done(in, in->error, in->src.arg);
	body_job_ended(b);
}

static int
start_big(struct body_in *in)
{
	in->big = 1;
	in->fd = fcntl(in->src.fd, F_DUPFD_CLOEXEC, 3);
	if (in->fd == -1)
		return (-1);
	in->id = body_new_id(in->b);
	in->job.run = in_run;
	in->job.done = in_done;
	in->job.arg = in;
	body_job(in->b, &in->job);
	return (0);
}

/* Read all of a small one, or as much of it as shows that it is not small. */
static int
read_small(struct body_in *in)
{
	uint8_t	*p;
	size_t	 room;
	ssize_t	 n;

	while (in->data.n <= BODY_INLINE) {
		/* one more than fits tells a large one */
		room = rest(in, in->data.n - in->nprefix,
		    BODY_INLINE + 1 - in->data.n);
		if (room == 0)
			return (0);
		if ((p = buf_reserve(&in->data, room)) == NULL) {
			errno = ENOMEM;
			return (-1);
		}
		n = body_pread(in->src.fd, p, room,
		    in->data.n - in->nprefix);
		if (n <= 0)
			return ((int)n);
		buf_commit(&in->data, (size_t)n);
		if ((size_t)n < room)	/* body_pread() stops at the end */
			return (0);
	}
	return (0);
}

/* 1 all of it is in, 0 a thread reads on, -1. */
static int
start(struct body_in *in)
{
	struct stat	 st = { 0 };
	int		 e;

	if (buf_add_span(&in->data, in->src.prefix) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	in->nprefix = in->data.n;
	st.st_size = (off_t)in->src.size;
	/* That it is no file pread() says as well. */
	if (in->src.fd != -1 && in->src.size == 0) {
		if (fstat(in->src.fd, &st) == -1)
			return (-1);
		if (!S_ISREG(st.st_mode)) {
			errno = EINVAL;
			return (-1);
		}
	}
	if (in->data.n > in->src.max || (uint64_t)st.st_size >
	    in->src.max - in->data.n) {
		errno = EFBIG;
		return (-1);
	}
	/* the size is a hint: what is read decides */
	if (in->src.fd != -1 && (uint64_t)st.st_size + in->data.n <=
	    BODY_INLINE && read_small(in) == -1)
		return (-1);
	if (in->src.fd != -1 && ((uint64_t)st.st_size + in->nprefix >
	    BODY_INLINE || in->data.n > BODY_INLINE))
		return (start_big(in));
	if (in->data.n > in->src.max || in->data.n > BODY_INLINE) {
		errno = EFBIG;
		return (-1);
	}
	if ((e = feed(in, span_buf(&in->data))) != 0) {
		errno = e;
		return (-1);
	}
	in->size = in->data.n;
	in->crc = crc32c(0, in->data.p, in->data.n);
	in->whole = 1;
	in->b->st.in_small++;
	in->b->st.in_octets += in->size;
	return (1);
}

int
body_in_start(struct body *b, const struct body_source *src,
    struct body_in **out)
{
	struct body_in	*in;
	int		 r, e;

	*out = NULL;
	if ((in = calloc(1, sizeof(*in))) == NULL)
		return (-1);
	in->b = b;
	in->src = *src;
	in->fd = -1;
	pthread_mutex_init(&in->mtx, NULL);
	if ((in->next = b->ins) != NULL)
		in->next->prev = &in->next;
	in->prev = &b->ins;
	b->ins = in;
	b->st.in_now++;
	if ((r = start(in)) == -1) {
		e = errno;
		destroy(in);
		errno = e;
		return (-1);
	}
	in->src.prefix = span_of(NULL, 0);
	*out = in;
	return (r);
}

int
body_in_put(struct body_in *in, uint32_t refs, uint64_t *id)
{
	struct body_info	 info;
	struct body		*b = in->b;
	uint8_t			 key[8];

	*id = 0;
	if (!in->whole || refs == 0) {
		errno = EINVAL;
		return (-1);
	}
	if (in->id == 0)
		in->id = body_new_id(b);
	info.size = in->size;
	info.crc = in->crc;
	info.refs = refs;
	info.big = in->big;
	if (body_keep_id(b, in->id) == -1 ||
	    body_put_ref(b, in->id, &info, 1) == -1)
		return (-1);
	body_key(key, in->id);
	if (!in->big && dbenv_add(b->values, span_of(key, sizeof(key)),
	    span_buf(&in->data)) == -1)
		return (-1);
	*id = in->id;
	return (0);
}

uint64_t
body_in_size(const struct body_in *in)
{
	return (in->size);
}

uint32_t
body_in_crc(const struct body_in *in)
{
	return (in->crc);
}

struct span
body_in_octets(const struct body_in *in)
{
	static const uint8_t	 none[1];

	if (in->big || !in->whole)
		return (span_of(NULL, 0));
	return (span_of(in->data.p == NULL ? none : in->data.p, in->data.n));
}

ssize_t
body_in_read(struct body_in *in, uint64_t off, void *p, size_t n)
{
	ssize_t	 got;
	int	 fd, e;

	if (!in->whole) {
		errno = EINVAL;
		return (-1);
	}
	if (off >= in->size)
		return (0);
	if (n > in->size - off)
		n = (size_t)(in->size - off);
	if (!in->big) {
		memcpy(p, in->data.p + off, n);
		return ((ssize_t)n);
	}
	if ((fd = body_open_big(in->b, in->id)) == -1)
		return (-1);
	got = body_pread(fd, p, n, off);
	e = errno;
	close(fd);
	errno = e;
	return (got);
}

void
body_in_free(struct body_in *in)
{
	if (in == NULL)
		return;
	if (in->big && in->fd != -1) {
		/* under way: in_done() frees it */
		pthread_mutex_lock(&in->mtx);
		in->cancelled = 1;
		pthread_mutex_unlock(&in->mtx);
		return;
	}
	unlist(in);
	if (in->big && in->whole)
		body_remove(in->b, in->id, 0);
	destroy(in);
}
