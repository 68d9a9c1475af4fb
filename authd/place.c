/*
 * Where the suite lives: its directories, with the owners that the roles need,
 * the lock against a second instance, the sockets it listens on.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "parent.h"
#include "sandbox.h"

#define BACKLOG		1024
#define BIND_TRIES	30	/* of a tenth of a second: a former instance's
				 * processes may still hold an address */

static int	 make_path(const char *, mode_t);
static int	 owned(const char *, mode_t, uid_t, gid_t);
static int	 users(const struct conf *, uid_t *, gid_t *);
static int	 partitions(struct conf *, const char *, uid_t, gid_t);
static int	 same_place(const struct conf_listener *,
		    const struct conf_listener *);
static int	 bind_inet(const struct conf_listener *, int, struct buf *);
static int	 bind_unix(const char *, int, mode_t, struct buf *);

/* ---- directories ---------------------------------------------------------- */

/* The directory and what is above it. */
static int
make_path(const char *path, mode_t mode)
{
	char	*copy, *p;
	int	 rc = 0;

	if ((copy = strdup(path)) == NULL)
		return (-1);
	for (p = copy + 1; rc == 0 && (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(copy, 0755) == -1 && errno != EEXIST)
			rc = -1;
		*p = '/';
	}
	if (rc == 0 && mkdir(copy, mode) == -1 && errno != EEXIST)
		rc = -1;
	if (rc == -1)
		log_error("%s: %s", path, strerror(errno));
	free(copy);
	return (rc);
}

/* A directory of one role: made, or as it must be. */
static int
owned(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat	 st;

	if (mkdir(path, mode) == 0) {
		if ((parent.privileged && chown(path, uid, gid) == -1) ||
		    chmod(path, mode) == -1) {
			log_error("%s: %s", path, strerror(errno));
			return (-1);
		}
		return (0);
	}
	if (errno != EEXIST || lstat(path, &st) == -1) {
		log_error("%s: %s", path, strerror(errno));
		return (-1);
	}
	if (!S_ISDIR(st.st_mode))
		log_error("%s: not a directory", path);
	else if (st.st_uid != uid)
		log_error("%s: belongs to uid %u, not to uid %u", path,
		    st.st_uid, uid);
	else if ((st.st_mode & 07777 & ~mode) != 0)
		log_error("%s: mode %04o gives others more than %04o", path,
		    st.st_mode & 07777, mode);
	else if ((st.st_mode & 07777) != mode && chmod(path, mode) == -1)
		log_error("%s: %s", path, strerror(errno));
	else
		return (0);
	return (-1);
}

/* The ids of all roles; as an ordinary user everybody is ourselves. */
static int
users(const struct conf *c, uid_t *uids, gid_t *gids)
{
	int	 i, k, rc = 0;

	for (i = ROLE_CONTROL; i <= ROLE_RELAY; i++) {
		uids[i] = geteuid();
		gids[i] = getegid();
		if (!parent.privileged)
			continue;
		if (sandbox_user(c->users[i], &uids[i], &gids[i]) == -1) {
			log_error("the user \"%s\" of %s does not exist, or "
			    "is root", c->users[i], role_name((enum role)i));
			rc = -1;
		}
		for (k = ROLE_CONTROL; rc == 0 && k < i; k++)
			if (uids[k] == uids[i]) {
				log_error("%s and %s share the user \"%s\"",
				    role_name((enum role)k),
				    role_name((enum role)i), c->users[i]);
				rc = -1;
			}
	}
	return (rc);
}

/* mail/00, mail/01, ...  Their number is settled when the store is made. */
static int
partitions(struct conf *c, const char *state, uid_t uid, gid_t gid)
{
	struct buf	 path = { 0 };
	struct stat	 st;
	unsigned	 found, i;
	int		 rc = 0;

	for (found = 0; found < 99; found++) {
		buf_reset(&path);
		buf_addf(&path, "%s/mail/%02u", state, found);
		if (lstat(buf_cstr(&path), &st) == -1)
			break;
	}
	if (found > 0 && c->npartitions != 0 && c->npartitions != found) {
		log_error("%s/mail has %u partitions, and the configuration "
		    "says %u; their number cannot change", state, found,
		    c->npartitions);
		rc = -1;
	}
	conf_settle(c, found);
	for (i = 0; rc == 0 && i < c->npartitions; i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/mail/%02u", state, i);
		rc = owned(buf_cstr(&path), 0700, uid, gid);
	}
	buf_free(&path);
	return (rc);
}

int
place_directories(struct conf *c)
{
	static const struct {
		const char	*name;
		enum role	 role;		/* its owner */
		mode_t		 mode;
	} dirs[] = {
		{ "empty",	ROLE_PARENT,	0555 },
		{ "auth",	ROLE_AUTH,	0700 },
		{ "queue",	ROLE_QUEUED,	0700 },
		{ "mail",	ROLE_PARENT,	0711 },
	};
	struct buf	 path = { 0 }, why = { 0 };
	uid_t		 uids[ROLE_COUNT] = { 0 };
	gid_t		 gids[ROLE_COUNT] = { 0 };
	size_t		 i;
	int		 rc = -1;

	uids[ROLE_PARENT] = geteuid();
	gids[ROLE_PARENT] = getegid();
	if (users(c, uids, gids) == -1 || make_path(c->state, 0711) == -1)
		return (-1);
	if (safe_directory(c->state, &why) == -1) {
		log_error("%s", buf_cstr(&why));
		goto out;
	}
	for (i = 0; i < nitems(dirs); i++) {
		buf_reset(&path);
		buf_addf(&path, "%s/%s", c->state, dirs[i].name);
		if (owned(buf_cstr(&path), dirs[i].mode, uids[dirs[i].role],
		    gids[dirs[i].role]) == -1)
			goto out;
	}
	rc = partitions(c, c->state, uids[ROLE_STORE], gids[ROLE_STORE]);
out:
	buf_free(&path);
	buf_free(&why);
	return (rc);
}

int
place_lock(const struct conf *c)
{
	struct buf	 path = { 0 };
	char		 text[32] = "";
	ssize_t		 n;
	int		 fd;

	buf_addf(&path, "%s/lock", c->state);
	fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC, 0600);
	buf_free(&path);
	if (fd == -1) {
		log_error("%s/lock: %s", c->state, strerror(errno));
		return (-1);
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
		n = pread(fd, text, sizeof(text) - 1, 0);
		log_error("%s is in use by another authd, process %d",
		    c->state, n > 0 ? atoi(text) : 0);
		close(fd);
		return (-1);
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) == -1 ||
	    pwrite(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
		log_warn("%s/lock: %s", c->state, strerror(errno));
	parent.lock = fd;
	return (0);
}

/* ---- sockets -------------------------------------------------------------- */

/* A stale socket is replaced; one that somebody answers on is not. */
static int
bind_unix(const char *path, int type, mode_t mode, struct buf *why)
{
	struct sockaddr_un	 sun = { .sun_family = AF_UNIX };
	struct stat		 st;
	mode_t			 mask;
	int			 fd, rc;

	if (strlen(path) >= sizeof(sun.sun_path)) {
		buf_addf(why, "%s: too long for a socket", path);
		return (-1);
	}
	memcpy(sun.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		goto err;
	if (lstat(path, &st) == 0) {
		if (!S_ISSOCK(st.st_mode)) {
			buf_addf(why, "%s: is there, and is no socket", path);
			close(fd);
			return (-1);
		}
		if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0 ||
		    errno == EAGAIN) {
			buf_addf(why, "%s: another process serves it", path);
			close(fd);
			return (-1);
		}
		(void)unlink(path);
	}
	mask = umask(0777 & ~mode);
	rc = bind(fd, (struct sockaddr *)&sun, sizeof(sun));
	(void)umask(mask);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return (fd);
err:
	buf_addf(why, "%s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return (-1);
}

static int
bind_inet(const struct conf_listener *l, int tries, struct buf *why)
{
	const struct sockaddr	*sa = (const void *)&l->addr;
	socklen_t		 n = l->addr.ss_family == AF_INET ?
				    sizeof(struct sockaddr_in) :
				    sizeof(struct sockaddr_in6);
	int			 fd, on = 1, rc, saved;

	fd = socket(l->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (fd == -1)
		goto err;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (l->addr.ss_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_V6ONLY, &on, sizeof(on)) == -1)
		goto err;
	while ((rc = bind(fd, sa, n)) == -1 && errno == EADDRINUSE &&
	    --tries > 0)
		(void)usleep(100000);
	if (rc == 0 && listen(fd, BACKLOG) == 0)
		return (fd);
err:
	saved = errno;
	buf_addf(why, "%s: cannot listen on ", l->where);
	print_address(why, &l->addr);
	buf_addf(why, " port %u: %s", address_port(&l->addr), strerror(saved));
	if (fd != -1)
		close(fd);
	errno = saved;
	return (-1);
}

static int
same_place(const struct conf_listener *a, const struct conf_listener *b)
{
	return (strcmp(a->path, b->path) == 0 && (a->path[0] != '\0' ||
	    memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0));
}

/* "listen on all" where the kernel knows no IPv6. */
static int
without(const struct conf_listener *l, int error)
{
	const struct sockaddr_in6	*in6 = (const void *)&l->addr;

	return (l->path[0] == '\0' && l->addr.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr) &&
	    (error == EAFNOSUPPORT || error == EADDRNOTAVAIL));
}

int
sockets_open(const struct conf *c, const struct conf *oldconf,
    const struct sockets *old, struct sockets *s, struct buf *why)
{
	const struct conf_listener	*l = c->listeners.v, *o;
	size_t				 i, k;

	memset(s, 0, sizeof(*s));
	if ((s->v = calloc(c->listeners.n + 1, sizeof(*s->v))) == NULL)
		return (-1);
	for (i = 0; i < c->listeners.n; i++) {
		s->v[i].fd = -1;
		s->n = i + 1;
		o = oldconf == NULL ? NULL : oldconf->listeners.v;
		for (k = 0; o != NULL && k < old->n; k++)
			if (same_place(&l[i], &o[k]))
				s->v[i].fd = old->v[k].fd;
		if (s->v[i].fd != -1)
			continue;
		if (l[i].path[0] != '\0')
			s->v[i].fd = bind_unix(l[i].path, SOCK_STREAM, 0666,
			    why);
		else
			s->v[i].fd = bind_inet(&l[i], old == NULL ?
			    BIND_TRIES : 1, why);
		if (s->v[i].fd != -1)
			continue;
		if (!without(&l[i], errno)) {
			sockets_close(s, old);
			return (-1);
		}
		log_warn("%s; going on without", buf_cstr(why));
		buf_reset(why);
	}
	return (0);
}

void
sockets_close(struct sockets *s, const struct sockets *keep)
{
	size_t	 i, k;

	for (i = 0; i < s->n; i++) {
		for (k = 0; keep != NULL && k < keep->n &&
		    keep->v[k].fd != s->v[i].fd; k++)
			;
		if ((keep == NULL || k == keep->n) && s->v[i].fd != -1)
			close(s->v[i].fd);
	}
	free(s->v);
	memset(s, 0, sizeof(*s));
}

int
place_control(const struct conf *c)
{
	struct buf	 why = { 0 };
	char		*copy = strdup(c->control);
	int		 fd;

	if (copy == NULL || make_path(dirname(copy), 0755) == -1) {
		free(copy);
		return (-1);
	}
	free(copy);
	if ((fd = bind_unix(c->control, SOCK_SEQPACKET, 0660, &why)) == -1)
		log_error("%s", buf_cstr(&why));
	buf_free(&why);
	return (fd);
}

void
place_unlink(const struct conf *c)
{
	place_unlink_socket(c->control);
	CONF_EACH(struct conf_listener, l, &c->listeners)
		if (l->path[0] != '\0')
			place_unlink_socket(l->path);
}

void
place_unlink_socket(const char *path)
{
	struct stat	 st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}
