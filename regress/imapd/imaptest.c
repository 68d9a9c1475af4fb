/*
 * A store for tests.  See imaptest.h.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"
#include "imapd/deliver.h"
#include "imapd/ending.h"
#include "imapd/session.h"
#include "imaptest.h"
#include "log.h"
#undef CHECK
#include "test.h"

#define WAIT_US	60000000		/* for what must come */

struct store		 t_store;
struct part		*t_part;
uint64_t		 t_account[IMAPTEST_CLIENTS];
struct session_limits	 t_limits = { .message = 50 << 20 };

static struct event_base *base;
static char		 dir[64];
static int		 fds[IMAPTEST_CLIENTS];
static struct buf	 got[IMAPTEST_CLIENTS];
static int		 quiet;		/* logs are not shown */

static void
die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

int
t_check(int ok, const char *file, int line, const char *fmt, ...)
{
	char	 text[1024];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return (test_check(ok, file, line, "%s", text));
}

int
t_done(void)
{
	return (test_done());
}

const char *
t_dir(void)
{
	return (dir);
}

/* The parts of auth: "user7" is account 7, "away" nobody knows yet; the answer
 * comes in a later turn of the loop. */
static struct {
	struct naming	*n;
	char		 name[64];
} naming;

static void
tell_name(evutil_socket_t fd, short what, void *arg)
{
	struct naming	*n = naming.n;
	uint64_t	 id = 0;
	char		 name[64];

	(void)fd;
	(void)what;
	(void)arg;
	naming.n = NULL;
	snprintf(name, sizeof(name), "%s", naming.name);
	if (strncmp(name, "user", 4) == 0)
		id = strtoull(name + 4, NULL, 10);
	if (n->done != NULL)
		n->done(n, strcmp(name, "away") == 0 ? NAMING_AWAY : id == 0 ?
		    NAMING_NO : NAMING_HERE, id, span_str(name));
	free(n);
}

static int
ask_name(struct naming *n, struct span name)
{
	static const struct timeval	 soon = { 0, 0 };
	size_t				 i;

	if (naming.n != NULL || name.n >= sizeof(naming.name))
		return (0);
	naming.n = n;
	for (i = 0; i < name.n; i++)
		naming.name[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ?
		    name.p[i] + 32 : name.p[i]);
	naming.name[i] = '\0';
	return (event_base_once(base, -1, EV_TIMEOUT, tell_name, NULL,
	    &soon) == 0);
}

void
t_open(const char *in)
{
	struct event_config	*ec;
	struct part_conf	 pc = { .home = dir, .cache = 4 << 20,
				    .margin = 1 };
	int			 i;

	if (!quiet) {
		log_init("store");
		log_level(getenv("TEST_LOG") != NULL ? LOG_LEVEL_DEBUG :
		    LOG_LEVEL_ERROR);
		for (i = 0; i < IMAPTEST_CLIENTS; i++)
			fds[i] = -1;
		quiet = 1;
	}
	if (in == NULL) {
		snprintf(dir, sizeof(dir), "%s/imapd.XXXXXX",
		    getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
		if (mkdtemp(dir) == NULL)
			die(dir);
	} else if (in != dir)
		snprintf(dir, sizeof(dir), "%s", in);
	if ((ec = event_config_new()) == NULL ||
	    event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK) == -1 ||
	    (base = event_base_new_with_config(ec)) == NULL)
		die("event_base");
	event_config_free(ec);
	if (store_init(&t_store, base) == -1)
		die("store_init");
	event_del(&t_store.tick_ev);
	t_store.limits.filter_pause = 0;
	t_store.named = ask_name;
	if ((t_store.parts = calloc(1, sizeof(*t_store.parts))) == NULL ||
	    (t_part = part_open(&t_store, &pc)) == NULL ||
	    part_start(t_part) == -1 || ending_start(t_part) == -1)
		die("part_open");
	t_store.parts[0] = t_part;
	t_store.nparts = 1;
}

void
t_live(void)
{
	static const struct timeval	 every = { 5, 0 };

	t_store.limits.filter_pause = 250;
	if (event_add(&t_store.tick_ev, &every) == -1)
		die("tick");
}

void
t_close(void)
{
	int	 i;

	for (i = 0; i < IMAPTEST_CLIENTS; i++)
		t_logout(i);
	t_settle();
	store_free(&t_store);
	event_base_free(base);
	t_part = NULL;
}

void
t_remove(void)
{
	char	 cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	if (system(cmd) != 0)
		die(cmd);
}

void
t_loop(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

void
t_turn(void)
{
	event_base_loop(base, EVLOOP_ONCE);
}

/* Until no session has work and nobody waits for a flush. */
void
t_settle(void)
{
	struct dbenv_stats	 st;
	struct pollfd		 p;
	uint64_t		 until = store_us() + WAIT_US;
	int			 calm = 0;

	while (calm < 3 && store_us() < until) {
		t_loop();
		dbenv_stats(t_part->env, &st);
		if (TAILQ_EMPTY(&t_store.shares) && st.waiting == 0 &&
		    st.jobs == 0) {
			calm++;
			continue;
		}
		calm = 0;
		p.fd = dbenv_fd(t_part->env);
		p.events = POLLIN;
		(void)poll(&p, 1, 1);
	}
}

size_t
t_count(struct dbenv_db *db)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	size_t			 n = 0;
	int			 rc;

	dbenv_iter_init(&it, db, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1 ||
	    (rc == -1 && errno == EILSEQ))
		n++;
	dbenv_iter_free(&it);
	return (n);
}

static struct work	 spy;
static int		 armed;
static uint64_t		 slice;		/* as it was */

/* Beside the work of others, in the same turn: the slice has no end. */
static int
look(struct work *w)
{
	(void)w;
	if (t_part->env->open) {
		dbenv_break(t_part->env, ENOSPC);
		t_store.limits.slice = slice;
		armed = 0;
	}
	return (armed);
}

void
t_undo(void)
{
	slice = t_store.limits.slice;
	t_store.limits.slice = 10000000;
	armed = 1;
	spy.run = look;
	store_work(&t_store, &spy);
}

int
t_undone(void)
{
	return (!armed);
}

static int
enter(int n, uint64_t id, int preauth)
{
	struct msg_session	 m = { .account = id,
				    .preauth = (uint8_t)preauth };
	char			 name[32];
	int			 sv[2];

	snprintf(name, sizeof(name), "user%llu", (unsigned long long)id);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
	    sv) == -1)
		die("socketpair");
	m.name = m.address = span_str(name);
	m.mech = span_str(preauth ? "tlsclientauth" : "PLAIN");
	m.remote = span_str("192.0.2.1");
	m.tag = span_str(preauth ? "" : "login");
	if (session_new(&t_store, t_part, &m, &t_limits, sv[1]) == -1)
		die("session_new");
	buf_reset(&got[n]);
	fds[n] = sv[0];
	return (sv[0]);
}

int
t_login(int n, uint64_t id)
{
	return (enter(n, id, 0));
}

int
t_preauth(int n, uint64_t id)
{
	return (enter(n, id, 1));
}

void
t_logout(int n)
{
	if (fds[n] != -1)
		close(fds[n]);
	fds[n] = -1;
	buf_free(&got[n]);
}

void
t_send(int n, const char *octets, size_t len)
{
	ssize_t	 k;

	while (len > 0 && fds[n] != -1) {
		k = send(fds[n], octets, len, MSG_NOSIGNAL);
		if (k == -1 && errno != EAGAIN)
			return;
		if (k == -1) {
			t_loop();
			continue;
		}
		octets += k;
		len -= (size_t)k;
	}
}

/* What is there: 1, at the end 0. */
static int
receive(int n)
{
	char	 room[65536];
	ssize_t	 k;

	while ((k = recv(fds[n], room, sizeof(room), 0)) > 0)
		(void)buf_add(&got[n], room, (size_t)k);
	return (k == -1 && errno == EAGAIN);
}

struct span
t_take(int n)
{
	static struct buf	 taken;

	buf_reset(&taken);
	if (fds[n] != -1)
		(void)receive(n);
	(void)buf_add_span(&taken, span_buf(&got[n]));
	buf_reset(&got[n]);
	return (span_buf(&taken));
}

void
t_drain(int n)
{
	if (fds[n] != -1)
		(void)receive(n);
	buf_reset(&got[n]);
}

static void
wait_a_bit(int n)
{
	struct pollfd	 p[2];

	p[0].fd = dbenv_fd(t_part->env);
	p[1].fd = fds[n];
	p[0].events = p[1].events = POLLIN;
	(void)poll(p, 2, 1);
}

int	 t_shows_ids;

static const char *
next_line(int n)
{
	static struct buf	 line;
	struct span		 s, head;
	uint64_t		 until = store_us() + WAIT_US;
	int			 open;

	buf_reset(&line);
	for (;;) {
		t_loop();
		open = fds[n] == -1 ? 0 : receive(n);
		s = span_buf(&got[n]);
		if (span_split(&s, '\n', &head) == 1)
			break;
		if (!open || store_us() > until)
			return (NULL);
		wait_a_bit(n);
	}
	(void)buf_add_span(&line, head);
	buf_drain(&got[n], head.n + 1);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		buf_truncate(&line, line.n - 1);
	else
		(void)buf_adds(&line, "(bare LF)");
	return (buf_cstr(&line));
}

/* The id of a mailbox is another each time, and each SELECT says it. */
const char *
t_line(int n)
{
	static const char	 id[] = "* OK [MAILBOXID ";
	const char		*line;

	do
		line = next_line(n);
	while (!t_shows_ids && line != NULL &&
	    strncmp(line, id, sizeof(id) - 1) == 0);
	return (line);
}

static void
on_stored(void *arg, const struct msg_stored *m)
{
	*(int *)arg = m->result;
}

void
t_append(const char *box, const char *flags, const char *date,
    const char *text)
{
	char		 cmd[256];
	const char	*l;
	int		 n;

	n = snprintf(cmd, sizeof(cmd), "t APPEND %s (%s) \"%s\" {%zu+}\r\n",
	    box, flags, date, strlen(text));
	t_send(1, cmd, (size_t)n);
	t_send(1, text, strlen(text));
	t_send(1, "\r\n", 2);
	l = t_line(1);
	CHECK(l != NULL && strncmp(l, "t OK", 4) == 0, "APPEND %s: %s", box,
	    l == NULL ? "(nothing)" : l);
}

void
t_fill(uint64_t account)
{
	int	 i;

	t_login(1, account);
	CHECK(t_line(1) != NULL, "logged in");
	for (i = 0; i < 10; i++)
		t_append("INBOX", "\\Deleted", " 1-Jan-2020 00:00:00 +0000",
		    "x\r\n");
	t_send(1, "b SELECT INBOX\r\nc CLOSE\r\n", 25);
	for (i = 0; i < 10; i++)
		(void)t_line(1);
}

void
t_filled(void)
{
	int	 i;

	t_send(1, "e SELECT INBOX\r\n", 16);
	for (i = 0; i < 9; i++)
		(void)t_line(1);
}

enum result
t_deliver(const uint8_t id[16], const char *text, size_t len,
    const uint64_t *accounts, size_t n)
{
	struct msg_deliver_rcpt	 r[MSG_RCPTS_MAX] = { 0 };
	struct msg_deliver	 m = { .size = len };
	char			 name[MSG_RCPTS_MAX][32];
	size_t			 i;
	int			 fd, result = -1;

	if ((fd = memfd_create("body", MFD_CLOEXEC)) == -1 ||
	    write(fd, text, len) != (ssize_t)len)
		die("memfd");
	memcpy(m.id, id, 16);
	m.from = span_str("sender@example.org");
	m.session = span_str("test");
	for (i = 0; i < n; i++) {
		snprintf(name[i], sizeof(name[i]), "user%llu",
		    (unsigned long long)accounts[i]);
		r[i].account = accounts[i];
		r[i].name = r[i].address = span_str(name[i]);
	}
	m.rcpts.v = r;
	m.rcpts.n = n;
	deliver(&t_store, &m, fd, on_stored, &result);
	close(fd);
	t_settle();
	return ((enum result)result);
}

/* "~" in the pattern stands for any octets. */
static int
like(const char *pat, const char *s)
{
	for (; *pat != '\0'; pat++, s++) {
		if (*pat == '~') {
			for (pat++; !like(pat, s); s++)
				if (*s == '\0')
					return (0);
			return (1);
		}
		if (*pat != *s)
			return (0);
	}
	return (*s == '\0');
}

static void
expect(const char *name, int n, const char *want)
{
	const char	*line = t_line(n);

	test_check(line != NULL && like(want, line), name, n,
	    "%s: client %d: %s", name, n, want);
	if (line == NULL || !like(want, line))
		printf("# got: %s\n", line == NULL ? "(nothing)" : line);
}

void
t_script(const char *name, const char *const *lines)
{
	static uint8_t	 id[16];
	const char	*l, *text;
	uint64_t	 to;
	int		 n;

	for (; (l = *lines) != NULL; lines++) {
		n = l[0] != '\0' && l[1] >= '0' && l[1] <= '7' ? l[1] - '0' :
		    0;
		text = strlen(l) > 4 ? l + 4 : "";
		switch (l[0]) {
		case 'O':
			t_login(n, t_account[n] == 0 ? (uint64_t)n :
			    t_account[n]);
			expect(name, n, "login OK [~] Logged in");
			break;
		case 'P':
			t_preauth(n, t_account[n] == 0 ? (uint64_t)n :
			    t_account[n]);
			break;
		case 'C':
			t_send(n, text, strlen(text));
			if (l[2] == ':')
				t_send(n, "\r\n", 2);
			break;
		case 'S':
			expect(name, n, text);
			break;
		case 'E':
			l = t_line(n);
			test_check(l == NULL && !receive(n), name, n,
			    "%s: client %d: the end", name, n);
			break;
		case 'X':
			t_logout(n);
			t_settle();
			break;
		case 'D':
			id[0]++;
			id[1] += id[0] == 0;
			to = t_account[n] == 0 ? (uint64_t)n : t_account[n];
			test_check(t_deliver(id, text, strlen(text), &to,
			    1) == RESULT_OK, name, n, "%s: delivered", name);
			break;
		case 'R':
			t_close();
			t_open(dir);
			break;
		default:
			die(l);
		}
	}
}
