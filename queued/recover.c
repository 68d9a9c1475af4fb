/*
 * The start: recipients that are in the database are scheduled, in slices, while
 * the rest goes on.
 */
#include "log.h"
#include "queued/attempt.h"
#include "queued/change.h"
#include "queued/sched.h"

static struct dbenv_iter it;
static int		 recovering;
static uint64_t		 new;		/* messages from here on came since */
static uint64_t		 found;

static void	 recovered(uint64_t, uint32_t, struct rec_rcpt *);

/* When it is due: not later than the schedule can say, the clock may have been
 * ahead before. */
static uint64_t
due(const struct rec_rcpt *r)
{
	if (r->state != RS_QUEUED ||
	    (r->release != 0 && r->next <= r->release))
		return (r->next);
	return (schedule_clamp(&proc_conf()->schedule, r->next, q_now()));
}

/* One that a worker had when we died may have been delivered. */
static void
cut_off(uint64_t msg, uint32_t n, struct rec_rcpt *r)
{
	char	 id[Q_ID];

	r->flags &= (uint8_t)~RF_STARTED;
	r->flags |= RF_DUPLICATE;
	if (++r->lost < 3 && r->next > q_now())
		r->next = q_now();
	log_warn("%s: possible duplicate to=<%s>: an attempt was cut off, it "
	    "may have been delivered", q_id(id, msg, n), log_esc(r->address));
}

static void
recovered(uint64_t msg, uint32_t n, struct rec_rcpt *r)
{
	struct q_rcpt	 fresh = { 0 };

	if ((r->flags & RF_STARTED) != 0 || due(r) != r->next) {
		/* What the iterator shows may be old by now: somebody had it
		 * tried. */
		if (attempt_running(msg, n) || db_rcpt(msg, n, &fresh) == -1)
			return;
		r = &fresh.r;
		r->next = due(r);
		if ((r->flags & RF_STARTED) != 0)
			cut_off(msg, n, r);
		if (db_begin() == -1 || db_end(db_rcpt_put(msg, n, r)) == -1)
			log_error("queue: %s", dbenv_error(q.env));
	}
	if (!CHANGE_OWED(r) || attempt_running(msg, n) ||
	    change_owed(msg, n) == 0)
		sched_add(msg, n, r);
	db_rcpt_free(&fresh);
}

int
recover(void)
{
	struct span	 key, val;
	struct rec_rcpt	 r;
	uint64_t	 msg, until = sched_microseconds() + SLICE_US;
	uint32_t	 n;
	int		 rc;

	if (!recovering)
		return (0);
	while ((rc = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (rc == -1 || key_rcpt_get(key, &msg, &n) == -1 ||
		    db_rcpt_decode(val, &r) == -1) {
			if (key.n == 0) {
				log_error("queue: not all of it can be read: "
				    "%s", dbenv_error(q.env));
				break;
			}
			log_error("queue: a recipient's record is damaged: "
			    "letterctl verify");
			continue;
		}
		if (msg >= new)
			break;
		recovered(msg, n, &r);
		if ((++found & 63) == 0 && sched_microseconds() >= until)
			return (1);
	}
	dbenv_iter_free(&it);
	recovering = 0;
	if (found > 0)
		log_info("%llu recipients wait in the queue",
		    (unsigned long long)found);
	return (0);
}

void
recover_start(void)
{
	dbenv_iter_init(&it, q.rcpt, span_of(NULL, 0), span_of(NULL, 0));
	recovering = 1;
	new = q.next_num;
}
