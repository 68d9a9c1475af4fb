/*
 * What every role does: birth, cage, links, reload, end.  See proc.h.
 */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <errno.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "build.h"
#include "log.h"
#include "msg.h"
#include "proc.h"
#include "sandbox.h"

#define PEERS_MAX	256	/* instances of one role */

/* One generation's configuration with the descriptors that belong to it. */
struct generation {
	struct buf	 octets;	/* pieces while they arrive */
	struct conf	*conf;
	int		*listeners;	/* by index, -1: not ours */
	int		*keyfiles;
	size_t		 nlisteners, nkeyfiles;
};

static struct {
	const struct role_ops	*ops;
	struct event_base	*base;
	struct msg_rule		*rules;
	struct peer_ops		 peer_ops;
	struct peer		*parent;
	struct peer		*peers[ROLE_COUNT][PEERS_MAX];
	uint64_t		 generations[ROLE_COUNT][PEERS_MAX];
	struct generation	 now, next;
	unsigned		 instance;
	char			*name;
	char			*build;
	int			 privileged;
	int			 keys_fd;
	int			 born;
} self;

static int	 keep_fd(int **, size_t *, uint64_t, int *);
static void	 drop_generation(struct generation *);
static int	 on_birth(struct peer *, struct imsg *);
static int	 on_conf(struct peer *, struct imsg *);
static int	 on_listener(struct peer *, struct imsg *);
static int	 on_keyfile(struct peer *, struct imsg *);
static int	 on_log(struct peer *, struct imsg *);
static int	 on_link(struct peer *, struct imsg *);
static int	 on_prepare(struct peer *, struct imsg *);
static int	 on_commit(struct peer *, struct imsg *);
static int	 on_cancel(struct peer *, struct imsg *);
static int	 on_stop(struct peer *, struct imsg *);
static int	 on_log_level(struct peer *, struct imsg *);
static void	 on_down(struct peer *, const char *);
static void	 link_lost(enum role, unsigned);
static void	 blame(enum role, unsigned);
static int	 read_birth(void);
static int	 build_rules(void);
static void	 other_build(void) __attribute__((__noreturn__));
static void	 fail_birth(void) __attribute__((__noreturn__));

static const struct msg_rule common_rules[] = {
	{ M_CONF,	PEER(ROLE_PARENT),	MSG_BODY,		on_conf },
	{ M_LISTENER,	PEER(ROLE_PARENT),	MSG_BODY | MSG_FD,	on_listener },
	{ M_KEYFILE,	PEER(ROLE_PARENT),	MSG_BODY | MSG_FD,	on_keyfile },
	{ M_LINK,	PEER(ROLE_PARENT),	MSG_BODY | MSG_FD,	on_link },
	{ M_PREPARE,	PEER(ROLE_PARENT),	MSG_BODY,		on_prepare },
	{ M_COMMIT,	PEER(ROLE_PARENT),	MSG_BODY,		on_commit },
	{ M_CANCEL,	PEER(ROLE_PARENT),	MSG_BODY,		on_cancel },
	{ M_STOP,	PEER(ROLE_PARENT),	MSG_EMPTY,		on_stop },
	{ M_LOG_LEVEL,	PEER(ROLE_PARENT),	MSG_BODY,		on_log_level },
};

struct event_base *
proc_base(void)
{
	return (self.base);
}

const struct conf *
proc_conf(void)
{
	return (self.now.conf);
}

unsigned
proc_instance(void)
{
	return (self.instance);
}

const char *
proc_name(void)
{
	return (self.name == NULL ? "" : self.name);
}

struct peer *
proc_parent(void)
{
	return (self.parent);
}

struct peer *
proc_peer(enum role role, unsigned inst)
{
	if (role >= ROLE_COUNT || inst >= PEERS_MAX)
		return (NULL);
	return (self.peers[role][inst]);
}

unsigned
proc_count(enum role role)
{
	const struct conf	*c = self.now.conf;

	switch (role) {
	case ROLE_SMTPD:
		return (c->nsmtpd);
	case ROLE_FRONT:
		return (c->nfront);
	case ROLE_STORE:
		return (c->nstore);
	case ROLE_RELAY:
		return (PEERS_MAX);
	default:
		return (1);
	}
}

int
proc_listener(size_t i)
{
	return (i < self.now.nlisteners ? self.now.listeners[i] : -1);
}

int
proc_keyfile(size_t i)
{
	const struct generation	*g = self.next.conf != NULL ? &self.next :
				    &self.now;

	return (i < g->nkeyfiles ? g->keyfiles[i] : -1);
}

int
proc_keys_fd(void)
{
	return (self.keys_fd);
}

void
proc_keys_lost(void)
{
	if (self.keys_fd == -1)
		return;
	close(self.keys_fd);
	self.keys_fd = -1;
	link_lost(ROLE_KEYS, 0);
}

int
proc_privileged(void)
{
	return (self.privileged);
}

uint64_t
proc_now_ms(void)
{
	struct timespec	 t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ((uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
}

void
proc_exit(int status)
{
	_exit(status);
}

/* Tell the parent why, then end: it says so and ends everything. */
static void
fail_birth(void)
{
	const char	*why = log_last_error();
	struct msg_text	 m = { span_str(*why != '\0' ? why :
			    "the reason is in the log") };

	if (self.parent != NULL)
		(void)peer_put(self.parent, M_FAILED, &c_text, &m, -1);
	_exit(1);
}

static int
keep_fd(int **fds, size_t *n, uint64_t at, int *fd)
{
	int	*more;

	if (at >= 4096)
		return (-1);
	if (*fd == -1)
		return (0);	/* it did not arrive: the role reports it */
	if (at >= *n) {
		if ((more = reallocarray(*fds, at + 1, sizeof(int))) == NULL)
			return (0);
		*fds = more;
		while (*n <= at)
			more[(*n)++] = -1;
	}
	if ((*fds)[at] != -1)
		close((*fds)[at]);
	(*fds)[at] = *fd;
	*fd = -1;
	return (0);
}

static void
drop_generation(struct generation *g)
{
	size_t	 i;

	for (i = 0; i < g->nlisteners; i++)
		if (g->listeners[i] != -1)
			close(g->listeners[i]);
	for (i = 0; i < g->nkeyfiles; i++)
		if (g->keyfiles[i] != -1)
			close(g->keyfiles[i]);
	free(g->listeners);
	free(g->keyfiles);
	buf_freezero(&g->octets);	/* secrets of relays */
	memset(g, 0, sizeof(*g));
}

/* There is no log yet: the parent says it. */
static void
other_build(void)
{
	struct msg_text	 t = { span_str("its program is of another build than "
			    "authd: restart authd") };
	struct buf	 b = { 0 };

	buf_put_u32(&b, M_FAILED);
	buf_put_u32(&b, 0);
	(void)codec_put(&b, &c_text, &t);
	(void)send(PROC_FD, b.p, b.n, MSG_NOSIGNAL);
	buf_free(&b);
	_exit(1);
}

static int
on_birth(struct peer *p, struct imsg *m)
{
	struct msg_birth	 b;

	(void)p;
	if (imsg_get(m, &c_birth, &b) == -1)
		return (-1);
	if (!span_eqs(b.build, LETTERLOCK_BUILD))
		other_build();
	self.instance = b.instance;
	self.name = span_dup(b.name);
	self.privileged = b.privileged;
	log_level((enum log_level)b.log_level);
	return (self.name == NULL ? -1 : 0);
}

static int
on_conf(struct peer *p, struct imsg *m)
{
	(void)p;
	if (self.next.octets.n + m->data.n > CONF_MAX)
		return (-1);
	buf_add_span(&self.next.octets, m->data);
	m->data.n = 0;
	return (buf_failed(&self.next.octets) ? -1 : 0);
}

static int
on_listener(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	return (keep_fd(&self.next.listeners, &self.next.nlisteners, n.number,
	    &m->fd));
}

static int
on_keyfile(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	return (keep_fd(&self.next.keyfiles, &self.next.nkeyfiles, n.number,
	    &m->fd));
}

static int
on_log(struct peer *p, struct imsg *m)
{
	(void)p;
	if (m->fd != -1)
		log_fd(m->fd);
	m->fd = -1;
	return (0);
}

static int
on_log_level(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1 || n.number > LOG_LEVEL_DEBUG)
		return (-1);
	log_level((enum log_level)n.number);
	return (0);
}

/* A new end of a link, instead of the one there may still be. */
static int
on_link(struct peer *p, struct imsg *m)
{
	struct msg_link	 l;
	struct peer	*q;

	(void)p;
	if (imsg_get(m, &c_link, &l) == -1 || l.role >= ROLE_COUNT ||
	    l.instance >= PEERS_MAX)
		return (-1);
	self.generations[l.role][l.instance] = l.generation;
	if (m->fd == -1) {
		link_lost((enum role)l.role, l.instance);
		return (0);
	}
	if (l.role == ROLE_KEYS && (self.ops->role == ROLE_SMTPD ||
	    self.ops->role == ROLE_FRONT || self.ops->role == ROLE_RELAY)) {
		if (self.keys_fd != -1)
			close(self.keys_fd);
		self.keys_fd = m->fd;
		m->fd = -1;
		return (0);
	}
	if ((q = self.peers[l.role][l.instance]) != NULL) {
		if (self.ops->link_down != NULL)
			self.ops->link_down(q);
		self.peers[l.role][l.instance] = NULL;
		peer_free(q);
	}
	q = peer_new(self.base, m->fd, (enum role)l.role, l.instance,
	    &self.peer_ops, l.name.n == 0 ? NULL : span_dup(l.name));
	m->fd = -1;
	self.peers[l.role][l.instance] = q;
	if (q != NULL && self.ops->link_up != NULL)
		self.ops->link_up(q);
	return (0);
}

static void
link_lost(enum role role, unsigned inst)
{
	struct msg_link	 l = { .role = (uint8_t)role, .instance = inst,
			    .generation = self.generations[role][inst] };

	(void)peer_put(self.parent, M_LINK_LOST, &c_link, &l, -1);
}

/* It was out of order, or slept: the more trusted end has the other one ended,
 * and which that is the parent knows.  Else a new link will do. */
static void
blame(enum role role, unsigned inst)
{
	struct msg_link	 l = { .role = (uint8_t)role, .instance = inst,
			    .generation = self.generations[role][inst] };

	(void)peer_put(self.parent, M_END_PEER, &c_link, &l, -1);
}

static void
on_down(struct peer *p, const char *why)
{
	enum role	 role = peer_role(p);
	unsigned	 inst = peer_instance(p);
	int		 fault = strcmp(why, "protocol") == 0 ||
			    strcmp(why, "packets left unread") == 0;

	if (role == ROLE_PARENT)
		_exit(0);
	if (self.peers[role][inst] != p)
		return;
	if (self.ops->link_down != NULL)
		self.ops->link_down(p);
	self.peers[role][inst] = NULL;
	if (fault)
		blame(role, inst);
	else
		link_lost(role, inst);
}

static int
on_prepare(struct peer *p, struct imsg *m)
{
	struct msg_result	 r = { .result = RESULT_OK };
	struct msg_number	 n;
	struct buf		 why = { .max = MSG_TEXT_MAX };

	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	self.next.conf = conf_get(span_buf(&self.next.octets));
	buf_freezero(&self.next.octets);
	if (self.next.conf == NULL) {
		buf_adds(&why, "malformed configuration");
		r.result = RESULT_NO;
	} else if (self.ops->prepare != NULL &&
	    self.ops->prepare(self.next.conf, &why) == -1)
		r.result = RESULT_NO;
	r.text = span_buf(&why);
	if (r.result == RESULT_NO) {
		conf_free(self.next.conf);	/* nothing began under it */
		drop_generation(&self.next);
	}
	(void)peer_reply(p, M_PREPARE, m->id, &c_result, &r, -1);
	buf_free(&why);
	return (0);
}

static int
on_commit(struct peer *p, struct imsg *m)
{
	struct generation	 old = self.now;
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1 || self.next.conf == NULL)
		return (-1);
	self.now = self.next;
	memset(&self.next, 0, sizeof(self.next));
	if (self.ops->commit != NULL)
		self.ops->commit();
	drop_generation(&old);	/* its conf stays, see proc.h */
	return (0);
}

static int
on_cancel(struct peer *p, struct imsg *m)
{
	struct msg_number	 n;

	(void)p;
	if (imsg_get(m, &c_number, &n) == -1)
		return (-1);
	if (self.next.conf != NULL && self.ops->cancel != NULL)
		self.ops->cancel();
	conf_free(self.next.conf);
	drop_generation(&self.next);
	return (0);
}

static int
on_stop(struct peer *p, struct imsg *m)
{
	(void)p;
	(void)m;
	if (self.ops->stop == NULL)
		_exit(0);
	self.ops->stop();
	return (0);
}

/* The birth messages, read before there is a loop. */
static int
read_birth(void)
{
	uint8_t		 room[IMSG_MAX];
	struct iovec	 iov = { room, sizeof(room) };
	union {
		struct cmsghdr	 hdr;
		char		 space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr	 h;
	struct cmsghdr	*c;
	struct pollfd	 pfd = { .fd = PROC_FD, .events = POLLIN };
	struct imsg	 m;
	ssize_t		 n;
	int		 rc;

	for (;;) {
		memset(&h, 0, sizeof(h));
		h.msg_iov = &iov;
		h.msg_iovlen = 1;
		h.msg_control = control.space;
		h.msg_controllen = sizeof(control.space);
		if (poll(&pfd, 1, -1) == -1 && errno != EINTR)
			return (-1);
		n = recvmsg(PROC_FD, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			continue;
		m.data = span_of(room, n < 0 ? 0 : (size_t)n);
		m.fd = -1;
		if ((c = CMSG_FIRSTHDR(&h)) != NULL &&
		    c->cmsg_type == SCM_RIGHTS)
			memcpy(&m.fd, CMSG_DATA(c), sizeof(int));
		if (n <= 0 || span_get_u32(&m.data, &m.type) == -1 ||
		    span_get_u32(&m.data, &m.id) == -1)
			return (-1);
		switch (m.type) {
		case M_BIRTH:
			rc = on_birth(NULL, &m);
			break;
		case M_CONF:
			rc = on_conf(NULL, &m);
			break;
		case M_LISTENER:
			rc = on_listener(NULL, &m);
			break;
		case M_KEYFILE:
			rc = on_keyfile(NULL, &m);
			break;
		case M_LOG:
			rc = on_log(NULL, &m);
			break;
		case M_BIRTH_END:
			return (0);
		default:
			rc = -1;
		}
		if (m.fd != -1)
			close(m.fd);
		explicit_bzero(room, (size_t)n);
		if (rc == -1)
			return (-1);
	}
}

static int
build_rules(void)
{
	size_t	 n = nitems(common_rules);

	self.rules = calloc(n + self.ops->nrules, sizeof(*self.rules));
	if (self.rules == NULL)
		return (-1);
	memcpy(self.rules, common_rules, sizeof(common_rules));
	if (self.ops->nrules != 0)
		memcpy(self.rules + n, self.ops->rules,
		    self.ops->nrules * sizeof(*self.rules));
	self.peer_ops.rules = self.rules;
	self.peer_ops.nrules = n + self.ops->nrules;
	self.peer_ops.down = on_down;
	return (0);
}

int
role_main(int argc, char **argv, const struct role_ops *ops)
{
	struct event_config	*ec;

	(void)argc;
	(void)argv;
	self.ops = ops;
	self.keys_fd = -1;
	log_init(role_name(ops->role));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGINT, SIG_IGN);	/* a terminal's; the parent decides */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	tzset();
	/* Its configuration cannot be read in the cage. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) {
		log_error("OpenSSL's configuration cannot be used");
		return (1);
	}
	if (read_birth() == -1) {
		log_error("no orders from a parent: this is started by authd");
		return (1);
	}
	if ((self.next.conf = conf_get(span_buf(&self.next.octets))) == NULL) {
		log_error("malformed configuration from the parent");
		return (1);
	}
	buf_freezero(&self.next.octets);
	self.now = self.next;
	memset(&self.next, 0, sizeof(self.next));

	if ((ec = event_config_new()) == NULL ||
	    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK) == -1 ||
	    (self.base = event_base_new_with_config(ec)) == NULL)
		return (1);
	event_config_free(ec);
	if (build_rules() == -1 || (self.parent = peer_new(self.base, PROC_FD,
	    ROLE_PARENT, 0, &self.peer_ops, NULL)) == NULL)
		return (1);
	if (ops->open != NULL && ops->open() == -1)
		fail_birth();
	if (sandbox_enter(ops->role, self.now.conf, self.privileged,
	    self.instance) == -1)
		fail_birth();
	if (ops->start != NULL && ops->start() == -1)
		fail_birth();
	self.born = 1;
	(void)peer_send(self.parent, M_READY, NULL, -1);
	return (event_base_dispatch(self.base) == -1);
}
