/*
 * What could not be sent is kept, for its writer alone.
 */
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "letterctl/sendmail.h"

static int	 directory(const char *, struct buf *);
static int	 put(const char *, struct span, struct buf *);

/* Ours, and nobody else's: it may be in /tmp. */
static int
directory(const char *dir, struct buf *why)
{
	struct stat	 st;

	if ((mkdir(dir, 0700) == -1 && errno != EEXIST) ||
	    lstat(dir, &st) == -1) {
		buf_addf(why, "%s: %s", dir, strerror(errno));
		return (-1);
	}
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
		buf_addf(why, "%s: not a directory that is yours alone", dir);
		return (-1);
	}
	return (0);
}

static int
put(const char *path, struct span s, struct buf *why)
{
	ssize_t	 n = 0;
	int	 fd, bad;

	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
	    0600);
	if (fd == -1) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		return (-1);
	}
	for (; s.n > 0 && (n = write(fd, s.p, s.n)) != -1;
	    s.p += n, s.n -= (size_t)n)
		continue;
	bad = n == -1 || fsync(fd) == -1;
	if (close(fd) == -1 || bad) {
		buf_addf(why, "%s: %s", path, strerror(errno));
		(void)unlink(path);
		return (-1);
	}
	return (0);
}

int
sendmail_keep(const char *dir, const struct smtpclient_message *m,
    struct span text, struct span reason, struct buf *name, struct buf *why)
{
	struct buf	 envelope = { 0 }, path = { 0 };
	size_t		 i, at = name->n;
	int		 fd, rc = -1;

	if (directory(dir, why) == -1)
		return (-1);
	buf_addf(name, "%s/message.XXXXXX", dir);
	if (buf_addc(name, '\0') == -1)
		return (-1);
	/* the name of the directory is ours, so the name stays ours */
	if ((fd = mkstemp((char *)name->p + at)) == -1) {
		buf_addf(why, "%s: %s", dir, strerror(errno));
		buf_truncate(name, at);
		return (-1);
	}
	close(fd);
	buf_truncate(name, name->n - 1);
	(void)unlink(buf_cstr(name));
	buf_addf(&path, "%s.envelope", buf_cstr(name));
	buf_adds(&envelope, "from <");
	buf_add_span(&envelope, m->from);
	buf_adds(&envelope, ">\n");
	for (i = 0; i < m->nrcpts; i++)
		if (m->rcpts[i].result.outcome != SMTPCLIENT_OK) {
			buf_adds(&envelope, "to <");
			buf_add_span(&envelope, m->rcpts[i].address);
			buf_adds(&envelope, ">\n");
		}
	buf_adds(&envelope, "why ");
	buf_add_escaped(&envelope, reason);
	buf_addc(&envelope, '\n');
	if (put(buf_cstr(name), text, why) == 0 &&
	    put(buf_cstr(&path), span_buf(&envelope), why) == 0)
		rc = 0;
	buf_free(&envelope);
	buf_free(&path);
	return (rc);
}
