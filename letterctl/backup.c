/*
 * The receiving side of backups: files below a directory, written, flushed and
 * only then called complete.  Names come from a role and are not trusted: no
 * empty part, no "..", nothing absolute.
 */
#include <sys/stat.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "ctl.h"

struct unpack {
	char		*dir;
	int		 dirfd;
	int		 fd;		/* of the open file, or -1 */
	struct buf	 in;
	unsigned	 ended;		/* environments that came whole */
	int		 failed;
};

static int	 name_ok(struct span);
static int	 begin_file(struct unpack *, struct span);
static int	 end_file(struct unpack *);
static int	 record(struct unpack *, struct span *);

struct unpack *
unpack_new(const char *dir)
{
	struct unpack	*u;

	if (mkdir(dir, 0700) == -1) {
		warn("%s", dir);
		if (errno == EEXIST)
			warnx("a backup goes into a directory of its own");
		return (NULL);
	}
	if ((u = calloc(1, sizeof(*u))) == NULL ||
	    (u->dir = strdup(dir)) == NULL)
		err(1, NULL);
	u->fd = -1;
	if ((u->dirfd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC)) == -1)
		err(1, "%s", dir);
	return (u);
}

static int
name_ok(struct span s)
{
	struct span	 part;
	int		 more;

	do {
		more = span_split(&s, '/', &part);
		if (part.n == 0 || part.p[0] == '.' ||
		    span_find(part, '\0') != -1)
			return (0);
	} while (more);
	return (1);
}

static int
begin_file(struct unpack *u, struct span name)
{
	char	*path, *p;

	if (u->fd != -1 || !name_ok(name) || (path = span_dup(name)) == NULL) {
		warnx("the service names a file that cannot be");
		return (-1);
	}
	for (p = path; (p = strchr(p, '/')) != NULL; *p++ = '/') {
		*p = '\0';
		if (mkdirat(u->dirfd, path, 0700) == -1 && errno != EEXIST)
			break;
	}
	u->fd = p != NULL ? -1 : openat(u->dirfd, path, O_WRONLY | O_CREAT |
	    O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (u->fd == -1)
		warn("%s/%s", u->dir, path);
	free(path);
	return (u->fd == -1 ? -1 : 0);
}

static int
end_file(struct unpack *u)
{
	int	 fd = u->fd;

	u->fd = -1;
	if (fd == -1)
		return (-1);
	if (fsync(fd) == -1) {
		warn("%s", u->dir);
		close(fd);
		return (-1);
	}
	return (close(fd));
}

/* A disk that becomes full takes a part first. */
static int
write_at(struct unpack *u, struct span s, off_t off)
{
	ssize_t	 n;

	for (; s.n > 0; off += n) {
		n = pwrite(u->fd, s.p, s.n, off);
		if (n == -1 && errno == EINTR)
			n = 0;
		if (n == -1) {
			warn("%s", u->dir);
			return (-1);
		}
		s = span_of(s.p + n, s.n - (size_t)n);
	}
	return (0);
}

/* One record: 1 taken, 0 not all of it is there, -1 wrong. */
static int
record(struct unpack *u, struct span *s)
{
	struct span	 save = *s, data;
	uint64_t	 off;
	uint32_t	 error;
	uint8_t		 kind;

	if (span_get_u8(s, &kind) == -1)
		return (0);
	switch (kind) {
	case ARCHIVE_OPEN:
		if (span_get_str(s, &data) == -1)
			break;
		return (data.n > ARCHIVE_NAME || begin_file(u, data) == -1 ?
		    -1 : 1);
	case ARCHIVE_DATA:
		if (span_get_u64(s, &off) == -1 ||
		    span_get_str(s, &data) == -1)
			break;
		return (write_at(u, data, (off_t)off) == -1 ? -1 : 1);
	case ARCHIVE_CLOSE:
		return (end_file(u) == -1 ? -1 : 1);
	case ARCHIVE_END:
		if (span_get_u32(s, &error) == -1)
			break;
		if (error != 0)
			return (-1);
		u->ended++;
		return (1);
	default:
		warnx("the service's backup is malformed");
		return (-1);
	}
	*s = save;
	return (s->n > ARCHIVE_CHUNK + ARCHIVE_NAME + 64 ? -1 : 0);
}

int
backup_take(void *arg, struct span octets)
{
	struct unpack	*u = arg;
	struct span	 s;
	int		 rc;

	if (u->failed || buf_add_span(&u->in, octets) == -1)
		return (-1);
	s = span_buf(&u->in);
	while ((rc = record(u, &s)) == 1)
		continue;
	buf_drain(&u->in, u->in.n - s.n);
	if (rc == -1)
		u->failed = 1;
	return (rc);
}

int
unpack_end(struct unpack *u)
{
	int	 rc = u->failed || u->fd != -1 || u->in.n != 0 ||
		    u->ended == 0 ? -1 : 0;

	if (rc == 0 && fsync(u->dirfd) == -1) {
		warn("%s", u->dir);
		rc = -1;
	}
	if (rc == 0)
		printf("%s: %u environments\n", u->dir, u->ended);
	if (u->fd != -1)
		close(u->fd);
	close(u->dirfd);
	buf_free(&u->in);
	free(u->dir);
	free(u);
	return (rc);
}
