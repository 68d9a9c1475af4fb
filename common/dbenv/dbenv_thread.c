/*
 * The helper threads: one flushes the log, one keeps house (trickle,
 * checkpoint, removal of log files), up to two run jobs.  What they have to
 * say reaches the loop through the eventfd.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"

#define TRICKLE	80		/* per cent of the cache to keep clean */
#define COUNT_TICKS	10		/* between two counts of dirty pages, */
#define COUNT_LOG	(4 << 20)	/* or so many octets of log */

static void
at_ms(struct timespec *ts, unsigned int ms)
{
	clock_gettime(CLOCK_MONOTONIC, ts);
	ts->tv_sec += ms / 1000;
	ts->tv_nsec += (long)(ms % 1000) * 1000000;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
}

static uint64_t
now_us(void)
{
	struct timespec	 ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

void
dbenv_wake(struct dbenv *env)
{
	const uint64_t	 one = 1;

	while (write(env->evfd, &one, sizeof(one)) == -1 && errno == EINTR)
		;
}

int
dbenv_fd(const struct dbenv *env)
{
	return (env->evfd);
}

/* A line for the log, from any thread; the loop hands it on. */
void
dbenv_line(struct dbenv *env, enum dbenv_level level, const char *fmt, ...)
{
	struct line	*l;
	struct buf	 b = { 0 };
	va_list		 ap;

	if (env->conf.log == NULL)
		return;
	va_start(ap, fmt);
	buf_addv(&b, fmt, ap);
	va_end(ap);
	if (!buf_failed(&b) && (l = malloc(sizeof(*l) + b.n + 1)) != NULL) {
		l->next = NULL;
		l->level = level;
		memcpy(l->text, buf_cstr(&b), b.n + 1);
		pthread_mutex_lock(&env->mtx);
		if (env->nlines < LINES_MAX) {
			env->nlines++;
			*env->lines_tail = l;
			env->lines_tail = &l->next;
			l = NULL;
		}
		pthread_mutex_unlock(&env->mtx);
		free(l);
	}
	buf_free(&b);
	if (env->evfd != -1)
		dbenv_wake(env);
}

void
dbenv_lines(struct dbenv *env)
{
	struct line	*l, *next;

	pthread_mutex_lock(&env->mtx);
	l = env->lines;
	env->lines = NULL;
	env->lines_tail = &env->lines;
	env->nlines = 0;
	pthread_mutex_unlock(&env->mtx);
	for (; l != NULL; l = next) {
		next = l->next;
		env->conf.log(env->conf.arg, l->level, l->text);
		free(l);
	}
}

/* This environment is over; the loop ends the process. */
void
dbenv_lost(struct dbenv *env, const char *why)
{
	char	*s = strdup(why);

	dbenv_boot_forget(env);
	pthread_mutex_lock(&env->mtx);
	if (env->lost == NULL)
		env->lost = s;
	else
		free(s);
	pthread_mutex_unlock(&env->mtx);
	dbenv_wake(env);
}

/*
 * Flush all that was committed so far.  A log file begun since the last flush
 * is nothing until its directory is on disk too.
 */
int
dbenv_flush_now(struct dbenv *env)
{
	DB_LOG_STAT	*ls;
	uint64_t	 upto = env->committed, t = now_us();
	int		 r;

	if ((r = env->e->log_flush(env->e, NULL)) != 0)
		goto fail;
	if ((r = env->e->log_stat(env->e, &ls, 0)) != 0)
		goto fail;
	if (ls->st_cur_file != env->synced_file) {
		if (fsync(env->dirfd) == -1) {
			r = errno;
			free(ls);
			goto fail;
		}
		env->synced_file = ls->st_cur_file;
	}
	t = now_us() - t;
	pthread_mutex_lock(&env->mtx);
	env->st.log_octets = (uint64_t)ls->st_w_mbytes * 1048576 +
	    ls->st_w_bytes;
	env->st.flushes++;
	env->st.flush_us += t;
	if (t > env->st.flush_max_us)
		env->st.flush_max_us = t;
	pthread_mutex_unlock(&env->mtx);
	free(ls);
	env->flushed = upto;
	return (0);
fail:
	dbenv_lost(env, r < 0 ? db_strerror(r) : strerror(r));
	errno = dbenv_errno(r);
	return (-1);
}

/*
 * Wait until a flush is wanted: at once for those who wait, after a tick for
 * what nobody waits for.  Under mtx; 0 at the end.
 */
static int
flush_wanted(struct dbenv *env)
{
	struct timespec	 until;
	int		 timed = 0;

	while (!env->stop && env->want <= env->flushed) {
		if (env->committed == env->flushed) {
			timed = 0;
			env->flusher_asleep = 1;
			pthread_cond_wait(&env->flush_cond, &env->mtx);
			env->flusher_asleep = 0;
			continue;
		}
		if (!timed) {
			at_ms(&until, TICK_MS);
			timed = 1;
		}
		if (pthread_cond_timedwait(&env->flush_cond, &env->mtx,
		    &until) == ETIMEDOUT)
			break;
	}
	return (!env->stop);
}

static void *
flusher(void *arg)
{
	struct dbenv	*env = arg;
	int		 go;

	for (;;) {
		pthread_mutex_lock(&env->mtx);
		go = flush_wanted(env);
		pthread_mutex_unlock(&env->mtx);
		if (!go || dbenv_flush_now(env) == -1)
			return (NULL);
		dbenv_wake(env);
	}
}

/* Log files that recovery does not need; none while a backup copies them. */
void
dbenv_remove_logs(struct dbenv *env)
{
	char	**list = NULL, **name;

	pthread_mutex_lock(&env->arch_mtx);
	/* DB_ARCH_REMOVE would want to know where in the file system this is */
	if (!env->backing_up &&
	    env->e->log_archive(env->e, &list, 0) == 0 && list != NULL)
		for (name = list; *name != NULL; name++)
			if (unlinkat(env->dirfd, *name, 0) == -1)
				dbenv_line(env, DBENV_LOG_WARN, "%s/%s: %s",
				    env->home, *name, strerror(errno));
	free(list);
	pthread_mutex_unlock(&env->arch_mtx);
}

/* Goes through the whole cache, with a lock for each bucket. */
static void
count_dirty(struct dbenv *env)
{
	DB_MPOOL_STAT	*mp;

	if (env->e->memp_stat(env->e, &mp, NULL, 0) != 0)
		return;
	env->dirty = (uint64_t)mp->st_page_dirty * DBENV_PAGE;
	free(mp);
}

static void
checkpoint(struct dbenv *env)
{
	int	 r;

	if ((r = env->e->txn_checkpoint(env->e, 0, 0, 0)) != 0) {
		dbenv_line(env, DBENV_LOG_ERR, "%s: checkpoint: %s", env->home,
		    db_strerror(r));
		return;
	}
	pthread_mutex_lock(&env->mtx);
	env->st.checkpoints++;
	pthread_mutex_unlock(&env->mtx);
	dbenv_remove_logs(env);
}

/* Octets of log since the last checkpoint. */
static uint64_t
log_since(struct dbenv *env)
{
	DB_LOG_STAT	*ls;
	uint64_t	 n;

	if (env->e->log_stat(env->e, &ls, 0) != 0)
		return (0);
	n = (uint64_t)ls->st_wc_mbytes * 1048576 + ls->st_wc_bytes;
	free(ls);
	return (n);
}

static void *
keeper(void *arg)
{
	struct dbenv	*env = arg;
	struct timespec	 until;
	uint64_t	 last = now_us(), seen = 0, n, log, counted = 0;
	unsigned	 ticks = 0;
	int		 stop;

	for (;;) {
		at_ms(&until, TICK_MS);
		pthread_mutex_lock(&env->mtx);
		/* nothing new since the last checkpoint: sleep on */
		while (!env->stop && env->committed == seen) {
			env->keeper_asleep = 1;
			pthread_cond_wait(&env->keep_cond, &env->mtx);
		}
		env->keeper_asleep = 0;
		while (!env->stop && pthread_cond_timedwait(&env->keep_cond,
		    &env->mtx, &until) != ETIMEDOUT)
			;
		stop = env->stop;
		pthread_mutex_unlock(&env->mtx);
		if (stop)
			return (NULL);
		log = log_since(env);
		if (ticks++ % COUNT_TICKS == 0 || log >= counted + COUNT_LOG) {
			count_dirty(env);
			counted = log;
			ticks = 1;
			if (env->dirty > env->conf.cache / 100 *
			    (100 - TRICKLE))
				env->e->memp_trickle(env->e, TRICKLE, NULL);
		}
		n = env->committed;
		if (log >= env->conf.checkpoint ||
		    now_us() - last >= env->conf.checkpoint_s * 1000000ULL) {
			checkpoint(env);
			last = now_us();
			seen = n;
			count_dirty(env);
			counted = ticks = 0;
		}
	}
}

int
dbenv_thread(struct dbenv *env, pthread_t *t, void *(*fn)(void *))
{
	pthread_attr_t	 at;
	sigset_t	 all, old;
	int		 r;

	if ((r = pthread_attr_init(&at)) != 0)
		return (r);
	pthread_attr_setstacksize(&at, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(t, &at, fn, env);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&at);
	return (r);
}

int
dbenv_start(struct dbenv *env)
{
	int	 r;

	if (env->started)
		return (dbenv_fail(env, EINVAL, "started twice"));
	if ((r = dbenv_thread(env, &env->flusher, flusher)) != 0)
		return (dbenv_fail(env, r, "thread"));
	env->have_flusher = 1;
	if ((r = dbenv_thread(env, &env->keeper, keeper)) != 0)
		return (dbenv_fail(env, r, "thread"));
	env->have_keeper = 1;
	env->started = 1;
	return (0);
}

/* End all threads; jobs that were queued are run first. */
void
dbenv_stop(struct dbenv *env)
{
	unsigned int	 i;

	pthread_mutex_lock(&env->mtx);
	env->stop = 1;
	pthread_cond_broadcast(&env->flush_cond);
	pthread_cond_broadcast(&env->keep_cond);
	pthread_cond_broadcast(&env->job_cond);
	pthread_mutex_unlock(&env->mtx);
	if (env->have_flusher)
		pthread_join(env->flusher, NULL);
	if (env->have_keeper)
		pthread_join(env->keeper, NULL);
	for (i = 0; i < env->nworkers; i++)
		pthread_join(env->workers[i], NULL);
	env->have_flusher = env->have_keeper = 0;
	env->nworkers = 0;
	env->started = 0;
}

static void
job_ended(struct dbenv *env, struct dbenv_job *j)
{
	j->next = NULL;
	*env->ends_tail = j;
	env->ends_tail = &j->next;
}

static void *
worker(void *arg)
{
	struct dbenv		*env = arg;
	struct dbenv_job	*j;

	pthread_mutex_lock(&env->mtx);
	for (;;) {
		while ((j = env->jobs) == NULL && !env->stop)
			pthread_cond_wait(&env->job_cond, &env->mtx);
		if (j == NULL)
			break;
		if ((env->jobs = j->next) == NULL)
			env->jobs_tail = &env->jobs;
		pthread_mutex_unlock(&env->mtx);
		j->run(j);
		pthread_mutex_lock(&env->mtx);
		job_ended(env, j);
		dbenv_wake(env);
	}
	pthread_mutex_unlock(&env->mtx);
	return (NULL);
}

/*
 * Threads for jobs are begun when there are more jobs than threads.  Without any
 * the job is run here: late is better than never.
 */
void
dbenv_job(struct dbenv *env, struct dbenv_job *j)
{
	int	 here;

	j->next = NULL;
	pthread_mutex_lock(&env->mtx);
	env->njobs++;
	if (env->started && env->njobs > env->nworkers &&
	    env->nworkers < JOB_THREADS &&
	    dbenv_thread(env, &env->workers[env->nworkers], worker) == 0)
		env->nworkers++;
	if (!(here = env->nworkers == 0)) {
		*env->jobs_tail = j;
		env->jobs_tail = &j->next;
		pthread_cond_signal(&env->job_cond);
	}
	pthread_mutex_unlock(&env->mtx);
	if (!here)
		return;
	j->run(j);
	pthread_mutex_lock(&env->mtx);
	job_ended(env, j);
	pthread_mutex_unlock(&env->mtx);
	dbenv_wake(env);
}

void
dbenv_job_ends(struct dbenv *env)
{
	struct dbenv_job	*j, *next;

	pthread_mutex_lock(&env->mtx);
	j = env->ends;
	env->ends = NULL;
	env->ends_tail = &env->ends;
	pthread_mutex_unlock(&env->mtx);
	for (; j != NULL; j = next) {
		next = j->next;
		pthread_mutex_lock(&env->mtx);
		env->njobs--;
		pthread_mutex_unlock(&env->mtx);
		j->done(j);
	}
}
