/*
 * Delivery through the stores: the message's delivery id makes it happen once,
 * whoever asks, however often.
 */
#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "queued/attempt.h"
#include "queued/local.h"
#include "queued/sched.h"

#define DOWN_FIRST	1	/* seconds until a store is tried again */
#define DOWN_MOST	30
#define SETTLE_S	600	/* a delivery given up is read by then */
#define SETTLE_MAX	100000	/* remembered; others go by age */

struct settled {
	STAILQ_ENTRY(settled)	 entry;
	uint64_t		 when;
	struct msg_settled	 m;
};

/* Recipients whose account moves: tried at once when it has. */
#define MOVING_MAX	1000	/* others wait for their next attempt */

static struct { uint64_t msg; uint32_t n; } moving[MOVING_MAX];
static size_t			 nmoving;
static uint64_t			 moves;	/* that ended */

static STAILQ_HEAD(, settled)	 settled = STAILQ_HEAD_INITIALIZER(settled);
static size_t			 nsettled;
static struct event		*settle_ev;

static void	 is_moving(const struct attempt *);
static int	 on_stored(void *, struct peer *, struct imsg *);
static void	 down(struct attempt *);
static void	 on_settle(evutil_socket_t, short, void *);

static struct peer *
store_of(uint32_t partition)
{
	unsigned	 n = proc_count(ROLE_STORE);

	return (n == 0 ? NULL : proc_peer(ROLE_STORE, partition % n));
}

/* Nothing is counted: the store comes back, or gets room again. */
static void
down(struct attempt *a)
{
	dest_failed(a->dest, DOWN_FIRST, DOWN_MOST);
	attempt_putoff(a, 0);
}

void
local_deliver(struct attempt *a)
{
	struct msg_deliver_rcpt	*v;
	struct msg_deliver	 d = { 0 };
	struct peer		*p = store_of(a->partition);
	size_t			 i;
	int			 fd;
	char			 hop[16];

	snprintf(hop, sizeof(hop), "@%u", a->partition);
	if (!attempt_enter(a, hop))
		return;
	a->local = 1;
	if (a->transport == NULL && (a->transport = strdup("local")) == NULL) {
		attempt_putoff(a, DOWN_FIRST);
		return;
	}
	if (p == NULL) {
		down(a);
		return;
	}
	if ((fd = body_fd(q.bodies, a->m.r.body)) == -1 ||
	    (v = calloc(a->n, sizeof(*v))) == NULL) {
		log_error("message %llu: its body: %s",
		    (unsigned long long)a->m.num, strerror(errno));
		if (fd != -1)
			close(fd);
		attempt_all(a, RESULT_TEMP, 451, "4.3.0",
		    span_str("the message cannot be read here"));
		attempt_result(a);
		return;
	}
	for (i = 0; i < a->n; i++) {
		v[i].account = a->account != 0 ? a->account :
		    a->r[i].r.account;
		v[i].address = a->r[i].r.address;
		v[i].name = a->account != 0 ? span_str(a->name) :
		    a->r[i].r.name;
	}
	memcpy(d.id, a->m.r.id, sizeof(d.id));
	d.partition = a->partition;
	d.size = a->m.r.size;
	d.from = a->m.r.from;
	d.session = a->m.r.session;
	d.rcpts.v = v;
	d.rcpts.n = a->n;
	a->moves = moves;
	a->moving = 0;
	if (peer_ask(p, M_DELIVER, &c_deliver, &d, fd, on_stored, a) == 0)
		down(a);
	free(v);
}

static int
on_stored(void *arg, struct peer *p, struct imsg *m)
{
	struct attempt		*a = arg;
	struct msg_stored	 s;
	char			 enhanced[17] = "";

	(void)p;
	if (m == NULL || imsg_get(m, &c_stored, &s) == -1) {
		down(a);
		return (m == NULL ? 0 : -1);
	}
	if (s.result != RESULT_OK && span_eqs(s.enhanced, "4.3.1")) {
		down(a);
		return (0);
	}
	dest_works(a->dest);
	a->moving = s.result != RESULT_OK && span_eqs(s.enhanced, MSG_MOVING);
	if (a->moving && !local_moved(a))
		is_moving(a);
	if (s.enhanced.n < sizeof(enhanced))
		memcpy(enhanced, s.enhanced.p, s.enhanced.n);
	attempt_all(a, s.result > RESULT_TEMP ? RESULT_TEMP :
	    (enum result)s.result, s.code, enhanced, s.text);
	attempt_result(a);
	return (0);
}

/* ---- accounts that move ----------------------------------------------------- */

static void
is_moving(const struct attempt *a)
{
	size_t	 i, k;

	for (i = 0; i < a->n; i++) {
		for (k = 0; k < nmoving && (moving[k].msg != a->m.num ||
		    moving[k].n != a->r[i].n); k++)
			continue;
		if (k < nmoving || nmoving == MOVING_MAX)
			continue;
		moving[nmoving].msg = a->m.num;
		moving[nmoving++].n = a->r[i].n;
	}
}

int
local_moved(const struct attempt *a)
{
	return (a->moving && a->moves != moves);
}

/*
 * Its next attempt is now.  1; 0: it is gone, or due; -1.  One under way may
 * have its result in the record already, which is not flushed yet.
 */
static int
try_now(uint64_t msg, uint32_t n)
{
	struct q_rcpt	 r;
	int		 rc = 0;

	if (db_rcpt(msg, n, &r) == -1)
		return (0);
	if (r.r.state == RS_QUEUED && r.r.next > q_now()) {
		r.r.next = q_now();
		rc = db_rcpt_put(msg, n, &r.r) == -1 ? -1 : 1;
	}
	db_rcpt_free(&r);
	return (rc);
}

int
on_move_off(struct peer *p, struct imsg *m)
{
	struct msg_account	 a;
	size_t			 i, n = nmoving;
	int			 rc = 0;

	(void)p;
	if (imsg_get(m, &c_account, &a) == -1)
		return (-1);
	moves++;
	nmoving = 0;
	if (n == 0 || db_begin() == -1)
		return (0);
	for (i = 0; rc != -1 && i < n; i++)
		rc = try_now(moving[i].msg, moving[i].n);
	if (db_end(rc == -1 ? -1 : 0) == -1)
		return (0);	/* then at their time */
	for (i = 0; i < n; i++)
		if (!attempt_running(moving[i].msg, moving[i].n))
			sched_again(moving[i].msg, moving[i].n);
	return (0);
}

/* ---- ids that the stores may forget ------------------------------------------ */

/* Each store hears of its own. */
void
local_settled(const struct msg_settled *m, size_t n)
{
	struct msg_settled	 v[MSG_SLOTS_MAX];
	struct msg_settled_ids	 ids = { { v, 0 } };
	struct peer		*p;
	unsigned		 store;
	size_t			 i;

	for (store = 0; n > 0 && store < proc_count(ROLE_STORE); store++) {
		p = proc_peer(ROLE_STORE, store);
		ids.ids.n = 0;
		for (i = 0; i < n && i < MSG_SLOTS_MAX; i++)
			if (store_of(m[i].partition) == p)
				v[ids.ids.n++] = m[i];
		if (ids.ids.n > 0)
			(void)peer_put(p, M_SETTLED, &c_settled_ids, &ids,
			    -1);
	}
}

void
local_settle_later(const uint8_t id[16], uint32_t partition)
{
	struct settled	*x;

	if (nsettled >= SETTLE_MAX || (x = calloc(1, sizeof(*x))) == NULL)
		return;		/* the store forgets it by itself, in time */
	x->when = q_now() + SETTLE_S;
	memcpy(x->m.id, id, sizeof(x->m.id));
	x->m.partition = partition;
	STAILQ_INSERT_TAIL(&settled, x, entry);
	nsettled++;
}

static void
on_settle(evutil_socket_t fd, short what, void *arg)
{
	struct settled	*x;

	(void)fd;
	(void)what;
	(void)arg;
	while ((x = STAILQ_FIRST(&settled)) != NULL && x->when <= q_now()) {
		local_settled(&x->m, 1);
		STAILQ_REMOVE_HEAD(&settled, entry);
		nsettled--;
		free(x);
	}
}

int
local_start(struct event_base *base)
{
	static const struct timeval	 every = { 10, 0 };

	settle_ev = event_new(base, -1, EV_PERSIST, on_settle, NULL);
	return (settle_ev == NULL ? -1 : event_add(settle_ev, &every));
}
