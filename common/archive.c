/*
 * The writing side of a backup stream.  The callbacks run in the backup's own
 * thread and may block; the peer and the answer belong to the loop's.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "archive.h"
#include "proc.h"

struct archive {
	struct dbenv_backup	 bk;
	enum role		 role;		/* who asked */
	unsigned		 inst;
	uint32_t		 id;
	int			 fd;
	int			 broken;
	int			 error;		/* what it ended with */
	struct event		*room;		/* to say so */
	char			 dir[64];
	char			 next[32];
};

/* For letterctl to take some octets. */
static const struct timeval	 patience = { 300, 0 };

static int	 put(struct archive *, const struct buf *);
static int	 on_open(struct dbenv_backup *, const char *);
static int	 on_write(struct dbenv_backup *, uint64_t, const void *, size_t);
static int	 on_close(struct dbenv_backup *, const char *);
static void	 over(struct archive *);
static void	 on_room(evutil_socket_t, short, void *);
static void	 on_done(struct dbenv_backup *, int);
static void	 answer(struct peer *, uint32_t, const char *, const char *);

static int
put(struct archive *a, const struct buf *b)
{
	size_t	 k = 0;
	ssize_t	 n;

	if (a->broken || buf_failed(b))
		return (a->broken ? EPIPE : ENOMEM);
	while (k < b->n) {
		n = send(a->fd, b->p + k, b->n - k, MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			a->broken = 1;
			return (errno);
		}
		k += (size_t)n;
	}
	return (0);
}

static int
on_open(struct dbenv_backup *bk, const char *name)
{
	struct archive	*a = bk->arg;
	struct buf	 b = { 0 }, path = { 0 };
	int		 rc;

	buf_addf(&path, "%s/%s", a->dir, name);
	buf_put_u8(&b, ARCHIVE_OPEN);
	buf_put_str(&b, span_buf(&path));
	rc = put(a, &b);
	buf_free(&path);
	buf_free(&b);
	return (rc);
}

static int
on_write(struct dbenv_backup *bk, uint64_t off, const void *p, size_t n)
{
	struct archive	*a = bk->arg;
	struct buf	 b = { 0 };
	size_t		 k, at;
	int		 rc = 0;

	for (at = 0; at < n && rc == 0; at += k) {
		k = n - at < ARCHIVE_CHUNK ? n - at : ARCHIVE_CHUNK;
		buf_reset(&b);
		buf_put_u8(&b, ARCHIVE_DATA);
		buf_put_u64(&b, off + at);
		buf_put_str(&b, span_of((const uint8_t *)p + at, k));
		rc = put(a, &b);
	}
	buf_free(&b);
	return (rc);
}

static int
on_close(struct dbenv_backup *bk, const char *name)
{
	struct archive	*a = bk->arg;
	uint8_t		 o = ARCHIVE_CLOSE;
	struct buf	 b = { &o, 1, 1, 1, 0 };

	(void)name;
	return (put(a, &b));
}

static void
answer(struct peer *p, uint32_t id, const char *why, const char *next)
{
	struct msg_ctl_page	 page = { .status = why != NULL };

	page.more = why == NULL && next[0] != '\0';
	page.cursor = span_str(page.more ? next : "");
	page.text = span_str(why == NULL ? "" : why);
	(void)peer_reply(p, M_CTL, id, &c_ctl_page, &page, -1);
}

static void
over(struct archive *a)
{
	answer(proc_peer(a->role, a->inst), a->id, a->error == 0 ? NULL :
	    strerror(a->error), a->next);
	if (a->room != NULL)
		event_free(a->room);
	close(a->fd);
	free(a);
}

/* The last octets, from the loop: it never waits for letterctl, whose disk may
 * be slow. */
static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct archive	*a = arg;
	uint8_t		 room[8];
	struct buf	 b = { room, 0, sizeof(room), sizeof(room), 0 };

	buf_put_u8(&b, ARCHIVE_END);
	buf_put_u32(&b, (uint32_t)a->error);
	if (!a->broken && what != EV_TIMEOUT &&
	    send(fd, b.p, b.n, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 &&
	    (errno == EAGAIN || errno == EINTR) &&
	    event_add(a->room, &patience) == 0)
		return;
	over(a);
}

static void
on_done(struct dbenv_backup *bk, int error)
{
	struct archive	*a = bk->arg;

	a->error = error;
	a->room = event_new(proc_base(), a->fd, EV_WRITE, on_room, a);
	if (a->room == NULL)
		over(a);
	else
		on_room(a->fd, EV_WRITE, a);
}

void
archive_backup(struct peer *p, struct imsg *m, struct dbenv *env,
    struct body *body, const char *dir)
{
	archive_backup_next(p, m, env, body, dir, "");
}

void
archive_backup_next(struct peer *p, struct imsg *m, struct dbenv *env,
    struct body *body, const char *dir, const char *next)
{
	struct archive	*a;
	int		 rc;

	if (m->fd == -1) {
		answer(p, m->id, "no descriptor to write to", "");
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		answer(p, m->id, strerror(errno), "");
		return;
	}
	a->fd = m->fd;
	m->fd = -1;
	a->role = peer_role(p);
	a->inst = peer_instance(p);
	a->id = m->id;
	snprintf(a->dir, sizeof(a->dir), "%s", dir);
	snprintf(a->next, sizeof(a->next), "%s", next);
	(void)fcntl(a->fd, F_SETFL, fcntl(a->fd, F_GETFL) & ~O_NONBLOCK);
	(void)setsockopt(a->fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	    sizeof(patience));
	a->bk.open = on_open;
	a->bk.write = on_write;
	a->bk.close = on_close;
	a->bk.done = on_done;
	a->bk.arg = a;
	rc = body == NULL ? dbenv_backup(env, &a->bk) :
	    body_backup(body, &a->bk);
	if (rc == -1) {
		answer(p, m->id, errno == EBUSY ?
		    "a backup is under way already" : strerror(errno), "");
		close(a->fd);
		free(a);
	}
}
