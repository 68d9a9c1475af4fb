/*
 * Look up and connect, with time limits.  getaddrinfo(3) has none of its own,
 * so it runs on a thread that is left alone when it takes too long.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "netclient_int.h"

#define ADDRESSES_MAX	16

struct lookup {
	pthread_mutex_t	 lock;
	pthread_cond_t	 done_cond;
	unsigned	 refs;
	int		 done, rc;
	char		*host, *port;
	struct addrinfo	 hints, *found;
};

static void	 lookup_unref(struct lookup *);
static void	*lookup_run(void *);
static struct lookup	*lookup_new(const struct netclient_settings *);
static struct addrinfo	*lookup(const struct netclient_settings *,
		    struct buf *why);
static int	 try_address(int, const struct sockaddr *, socklen_t,
		    unsigned);
static int	 connect_local(const struct netclient_settings *,
		    struct buf *);

uint64_t
net_clock(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000);
}

int
net_poll(int fd, short events, uint64_t until)
{
	struct pollfd	 pfd = { .fd = fd, .events = events };
	uint64_t	 now;
	int		 n;

	for (;;) {
		if ((now = net_clock()) >= until) {
			errno = ETIMEDOUT;
			return (-1);
		}
		n = poll(&pfd, 1, until - now > 60000 ? 60000 :
		    (int)(until - now));
		if (n > 0)
			return (0);
		if (n == -1 && errno != EINTR)
			return (-1);
	}
}

/* ---- names -------------------------------------------------------------- */

static void
lookup_unref(struct lookup *l)
{
	unsigned	 left;

	pthread_mutex_lock(&l->lock);
	left = --l->refs;
	pthread_mutex_unlock(&l->lock);
	if (left > 0)
		return;
	if (l->found != NULL)
		freeaddrinfo(l->found);
	pthread_cond_destroy(&l->done_cond);
	pthread_mutex_destroy(&l->lock);
	free(l->host);
	free(l->port);
	free(l);
}

static void *
lookup_run(void *arg)
{
	struct lookup	*l = arg;
	struct addrinfo	*found = NULL;
	int		 rc;

	rc = getaddrinfo(l->host, l->port, &l->hints, &found);
	pthread_mutex_lock(&l->lock);
	l->rc = rc;
	l->found = rc == 0 ? found : NULL;
	l->done = 1;
	pthread_cond_signal(&l->done_cond);
	pthread_mutex_unlock(&l->lock);
	lookup_unref(l);
	return (NULL);
}

static struct lookup *
lookup_new(const struct netclient_settings *set)
{
	pthread_condattr_t	 attr;
	struct lookup		*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->host = strdup(set->host);
	l->port = strdup(set->port);
	if (l->host == NULL || l->port == NULL) {
		free(l->host);
		free(l->port);
		free(l);
		return (NULL);
	}
	l->refs = 1;
	l->hints.ai_family = set->family;
	l->hints.ai_socktype = SOCK_STREAM;
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->done_cond, &attr);
	pthread_condattr_destroy(&attr);
	return (l);
}

static struct addrinfo *
lookup(const struct netclient_settings *set, struct buf *why)
{
	struct addrinfo	*found = NULL;
	struct timespec	 until;
	struct lookup	*l;
	pthread_t	 thread;
	int		 rc = 0, error = ETIMEDOUT;

	if ((l = lookup_new(set)) == NULL) {
		buf_adds(why, "no memory");
		return (NULL);
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += set->lookup != 0 ? set->lookup : 30;
	l->refs++;
	if (pthread_create(&thread, NULL, lookup_run, l) != 0) {
		l->refs--;
		buf_adds(why, "no thread for the look-up");
		lookup_unref(l);
		errno = EAGAIN;
		return (NULL);
	}
	pthread_detach(thread);
	pthread_mutex_lock(&l->lock);
	while (!l->done && rc == 0)
		rc = pthread_cond_timedwait(&l->done_cond, &l->lock, &until);
	if (!l->done)
		buf_addf(why, "%s: the resolver does not answer", set->host);
	else if (l->rc != 0) {
		error = l->rc == EAI_NONAME ? ENOENT : EAGAIN;
		buf_addf(why, "%s: %s", set->host, gai_strerror(l->rc));
	} else {
		found = l->found;
		l->found = NULL;
	}
	pthread_mutex_unlock(&l->lock);
	lookup_unref(l);
	errno = error;
	return (found);
}

/* ---- sockets ------------------------------------------------------------ */

/* 0, or -1 with errno. */
static int
try_address(int fd, const struct sockaddr *sa, socklen_t n, unsigned seconds)
{
	socklen_t	 len = sizeof(int);
	int		 err;

	if (connect(fd, sa, n) == 0)
		return (0);
	if (errno != EINPROGRESS && errno != EINTR)
		return (-1);
	if (net_poll(fd, POLLOUT, net_clock() + seconds * 1000ULL) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		return (-1);
	errno = err;
	return (err == 0 ? 0 : -1);
}

static int
connect_local(const struct netclient_settings *set, struct buf *why)
{
	struct sockaddr_un	 un = { .sun_family = AF_UNIX };
	int			 fd, err;

	if (strlen(set->host) >= sizeof(un.sun_path)) {
		buf_addf(why, "%s: too long for a socket", set->host);
		errno = ENAMETOOLONG;
		return (-1);
	}
	strcpy(un.sun_path, set->host);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && try_address(fd, (struct sockaddr *)&un, sizeof(un),
	    set->connect != 0 ? set->connect : 30) == 0)
		return (fd);
	err = errno;
	buf_addf(why, "%s: %s", set->host, strerror(err));
	if (fd != -1)
		close(fd);
	errno = err;
	return (-1);
}

int
net_connect(const struct netclient_settings *set, struct buf *why, char *peer,
    size_t peersize)
{
	char		 host[64] = "?", port[16] = "?";
	struct addrinfo	*all, *a;
	unsigned	 tried = 0;
	int		 fd = -1, err = 0;

	if (set->host[0] == '/') {
		snprintf(peer, peersize, "%s", set->host);
		return (connect_local(set, why));
	}
	if ((all = lookup(set, why)) == NULL)
		return (-1);
	for (a = all; a != NULL && fd == -1 && tried++ < ADDRESSES_MAX;
	    a = a->ai_next) {
		(void)getnameinfo(a->ai_addr, a->ai_addrlen, host,
		    sizeof(host), port, sizeof(port),
		    NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(peer, peersize, "%s port %s", host, port);
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0);
		if (fd != -1 && try_address(fd, a->ai_addr, a->ai_addrlen,
		    set->connect != 0 ? set->connect : 30) == 0)
			continue;
		err = errno;
		if (fd != -1)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(all);
	if (fd == -1)
		buf_addf(why, "%s (%s): %s", set->host, peer, strerror(err));
	errno = err;
	return (fd);
}
