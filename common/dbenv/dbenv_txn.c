/*
 * Groups, commands and waits: when a write becomes durable and who is told.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv_int.h"

/* Groups that callbacks of one dbenv_turn_end() may begin and still end. */
#define ROUNDS	4

int
dbenv_errno(int r)
{
	switch (r) {
	case DB_NOTFOUND:
		return (ENOENT);
	case DB_KEYEXIST:
		return (EEXIST);
	case DB_LOCK_DEADLOCK:
	case DB_LOCK_NOTGRANTED:
		return (EDEADLK);
	case DB_RUNRECOVERY:
		return (ENOTRECOVERABLE);
	default:
		return (r < 0 ? EIO : r);
	}
}

/* Note what failed and return -1 with errno e. */
int
dbenv_fail(struct dbenv *env, int e, const char *fmt, ...)
{
	va_list	 ap;

	buf_reset(&env->error);
	buf_addf(&env->error, "%s: ", env->home == NULL ? "?" : env->home);
	va_start(ap, fmt);
	buf_addv(&env->error, fmt, ap);
	va_end(ap);
	buf_addf(&env->error, ": %s", strerror(e));
	pthread_mutex_lock(&env->mtx);
	if (env->dberr != NULL &&
	    pthread_equal(env->dberr_by, pthread_self()))
		buf_addf(&env->error, " (%s)", env->dberr);
	dbenv_forget(env);
	pthread_mutex_unlock(&env->mtx);
	errno = e;
	return (-1);
}

/* What this thread heard says nothing about the next thing that fails. */
void
dbenv_forget(struct dbenv *env)
{
	if (env->dberr != NULL &&
	    pthread_equal(env->dberr_by, pthread_self())) {
		free(env->dberr);
		env->dberr = NULL;
	}
}

const char *
dbenv_error(const struct dbenv *env)
{
	/* buf_cstr() writes the NUL behind, nothing else */
	const char	*s = buf_cstr((struct buf *)(uintptr_t)&env->error);

	return (s == NULL ? "out of memory" : s);
}

const char *
dbenv_home(const struct dbenv *env)
{
	return (env->home);
}

int
dbenv_dirfd(const struct dbenv *env)
{
	return (env->dirfd);
}

uint64_t
dbenv_seq(const struct dbenv *env)
{
	return (env->committed + (env->open ? 1 : 0));
}

uint64_t
dbenv_flushed(const struct dbenv *env)
{
	return (env->flushed);
}

uint64_t
dbenv_committed(const struct dbenv *env)
{
	return (env->committed);
}

/* In which database says more than that it did. */
static void
panicked(struct dbenv *env)
{
	struct buf	 why = { 0 };
	char		*s;

	(void)buf_addf(&why, DBENV_PANIC ": %s", dbenv_error(env));
	if ((s = span_dup(span_buf(&why))) != NULL) {
		pthread_mutex_lock(&env->mtx);
		free(env->lost);
		env->lost = s;
		pthread_mutex_unlock(&env->mtx);
	}
	buf_free(&why);
	dbenv_lost(env, DBENV_PANIC);
}

/* The group will be undone; the first reason stands. */
void
dbenv_break(struct dbenv *env, int e)
{
	if (e == EDEADLK && env->broken == 0)
		dbenv_tell_locks(env);
	if (env->broken == 0)
		env->broken = e;
	if (e == ENOTRECOVERABLE)
		panicked(env);
}

static void
group_begin(struct dbenv *env)
{
	dbenv_gate_in(env);
	env->open = 1;
	env->broken = 0;
	if (env->conf.begun != NULL)
		env->conf.begun(env->conf.arg);
}

/* What a write goes into: the command's own transaction, begun now. */
int
dbenv_writer(struct dbenv *env, DB_TXN **txn)
{
	int	 r;

	if (!env->open)
		group_begin(env);
	if (env->broken != 0)
		return (dbenv_fail(env, env->broken, "group undone"));
	if (env->top == NULL && (r = env->e->txn_begin(env->e, NULL, &env->top,
	    DB_TXN_NOWAIT)) != 0) {
		env->top = NULL;
		goto fail;
	}
	if (env->in_cmd && env->cmd == NULL && (r = env->e->txn_begin(env->e,
	    env->top, &env->cmd, DB_TXN_NOWAIT)) != 0) {
		env->cmd = NULL;
		goto fail;
	}
	env->wrote = 1;
	*txn = env->in_cmd ? env->cmd : env->top;
	return (0);
fail:
	dbenv_fail(env, dbenv_errno(r), "txn_begin");
	dbenv_break(env, dbenv_errno(r));
	return (-1);
}

/* What a read goes through: without the open transaction it would be locked
 * out by it. */
DB_TXN *
dbenv_reader(struct dbenv *env)
{
	return (env->cmd != NULL ? env->cmd : env->top);
}

int
dbenv_begin(struct dbenv *env)
{
	if (env->in_cmd)
		return (dbenv_fail(env, EINVAL, "a command in a command"));
	env->in_cmd = 1;
	env->wrote = 0;
	return (0);
}

int
dbenv_commit(struct dbenv *env)
{
	int	 r;

	if (!env->in_cmd)
		return (dbenv_fail(env, EINVAL, "no command to commit"));
	env->in_cmd = 0;
	if (env->open && env->broken != 0 && env->wrote) {
		dbenv_abort(env);
		return (dbenv_fail(env, env->broken, "group undone"));
	}
	if (env->cmd == NULL)
		return (0);
	r = env->cmd->commit(env->cmd, 0);
	env->cmd = NULL;
	if (r != 0) {
		dbenv_fail(env, dbenv_errno(r), "commit of a command");
		dbenv_break(env, dbenv_errno(r));
		return (-1);
	}
	env->st.commands++;
	return (0);
}

void
dbenv_abort(struct dbenv *env)
{
	int	 e = errno, r;

	env->in_cmd = 0;
	if (env->cmd != NULL) {
		r = env->cmd->abort(env->cmd);
		env->cmd = NULL;
		if (r != 0) {
			dbenv_fail(env, dbenv_errno(r), "abort");
			dbenv_break(env, dbenv_errno(r));
		}
	}
	errno = e;
}

/* Files that were made as root, before the cage, belong to the user. */
static void
give_files(struct dbenv *env)
{
	struct stat	 st;
	struct dirent	*d;
	DIR		*dir;
	int		 fd;

	if (env->started || env->conf.uid == 0 || geteuid() != 0)
		return;
	if ((fd = openat(env->dirfd, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC)) == -1)
		return;
	if ((dir = fdopendir(fd)) == NULL) {
		close(fd);
		return;
	}
	while ((d = readdir(dir)) != NULL)
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_uid == 0 &&
		    fchownat(fd, d->d_name, env->conf.uid, env->conf.gid,
		    AT_SYMLINK_NOFOLLOW) == -1)
			dbenv_line(env, DBENV_LOG_ERR, "%s/%s: chown: %s",
			    env->home, d->d_name, strerror(errno));
	closedir(dir);
}

/* Take all waits for group seq out of the queue and tell them. */
static void
fail_waits(struct dbenv *env, uint64_t seq, int e)
{
	struct dbenv_wait	*w, *next, *mine = NULL, **tail = &mine;

	for (w = env->waits; w != NULL; w = next) {
		next = w->next;
		if (w->seq != seq)
			continue;
		dbenv_unwait(env, w);
		/* dbenv_unwait() works in this list as well */
		w->prev = tail;
		*tail = w;
		tail = &w->next;
		env->nwaits++;
	}
	while ((w = mine) != NULL) {
		dbenv_unwait(env, w);
		w->done(w, e);
	}
}

static void
group_undo(struct dbenv *env)
{
	uint64_t	 seq = env->committed + 1;
	int		 e = env->broken, r;

	if (env->top != NULL && (r = env->top->abort(env->top)) != 0) {
		dbenv_fail(env, dbenv_errno(r), "undoing a group");
		dbenv_lost(env, dbenv_error(env));
	}
	env->top = NULL;
	env->open = 0;
	dbenv_gate_out(env);
	env->broken = 0;
	env->committed = seq;
	env->st.undone++;
	/* of what has to be written before the start */
	if (e == ENOSPC && !env->started)
		(void)dbenv_reserve_free(env);
	env->checked.tv_sec = 0;
	dbenv_space_check(env);
	dbenv_line(env, DBENV_LOG_WARN, "%s: group %llu undone: %s", env->home,
	    (unsigned long long)seq, strerror(e));
	if (env->conf.undone != NULL)
		env->conf.undone(env->conf.arg, seq, e);
	fail_waits(env, seq, e);
}

static int
group_commit(struct dbenv *env)
{
	int	 r = 0;

	if (env->top != NULL)
		r = env->top->commit(env->top, DB_TXN_WRITE_NOSYNC);
	env->top = NULL;
	if (r != 0) {
		/* Berkeley DB has undone it */
		dbenv_fail(env, dbenv_errno(r), "commit");
		dbenv_break(env, dbenv_errno(r));
		return (-1);
	}
	env->open = 0;
	dbenv_gate_out(env);
	env->committed++;
	env->st.groups++;
	return (0);
}

/*
 * Have the flusher know what was committed; at once when somebody waits.
 * Threads are woken when the mutex is free, or they sleep again at once.
 */
static void
hand_over(struct dbenv *env)
{
	int	 asleep, flush;

	pthread_mutex_lock(&env->mtx);
	/* It need not be woken for what has the time of a tick. */
	flush = env->flusher_asleep;
	if (env->waits != NULL && env->waits->seq <= env->committed) {
		env->want = env->committed;
		flush = 1;
	}
	asleep = env->keeper_asleep;
	pthread_mutex_unlock(&env->mtx);
	if (flush)
		pthread_cond_signal(&env->flush_cond);
	if (asleep)
		pthread_cond_signal(&env->keep_cond);
}

/* Also the end of what was heard in this turn. */
static int
is_lost(struct dbenv *env)
{
	int	 lost;

	pthread_mutex_lock(&env->mtx);
	lost = env->lost != NULL;
	dbenv_forget(env);
	pthread_mutex_unlock(&env->mtx);
	return (lost);
}

int
dbenv_turn_end(struct dbenv *env)
{
	int	 i, e = 0;

	if (env->in_cmd) {
		dbenv_line(env, DBENV_LOG_ERR, "%s: a command was left open",
		    env->home);
		dbenv_abort(env);
	}
	for (i = 0; i < ROUNDS && env->open; i++) {
		if (env->broken != 0 || group_commit(env) == -1) {
			e = env->broken;
			group_undo(env);
		}
		if (env->started)
			hand_over(env);
		else if (dbenv_flush_now(env) == 0) {
			dbenv_wake(env);
			give_files(env);
		}
	}
	if (is_lost(env))
		dbenv_notify(env);
	if (e != 0)
		errno = e;
	return (e == 0 ? 0 : -1);
}

int
dbenv_wait(struct dbenv *env, uint64_t seq, struct dbenv_wait *w)
{
	struct dbenv_wait	**p;

	if (seq <= env->flushed)
		return (1);
	w->seq = seq;
	w->next = NULL;
	p = env->waits_tail;
	/* kept in order of seq; nearly always it is the last */
	if (env->waits != NULL && ((struct dbenv_wait *)(void *)((char *)p -
	    offsetof(struct dbenv_wait, next)))->seq > seq)
		for (p = &env->waits; (*p)->seq <= seq; p = &(*p)->next)
			;
	if ((w->next = *p) != NULL)
		w->next->prev = &w->next;
	else
		env->waits_tail = &w->next;
	w->prev = p;
	*p = w;
	env->nwaits++;
	if (seq <= env->committed && env->started) {
		pthread_mutex_lock(&env->mtx);
		if (env->want < seq) {
			env->want = env->committed;
			pthread_cond_signal(&env->flush_cond);
		}
		pthread_mutex_unlock(&env->mtx);
	}
	return (0);
}

void
dbenv_unwait(struct dbenv *env, struct dbenv_wait *w)
{
	if (w->prev == NULL)
		return;
	if (w->next != NULL)
		w->next->prev = w->prev;
	else if (env->waits_tail == &w->next)
		env->waits_tail = w->prev;
	*w->prev = w->next;
	w->next = NULL;
	w->prev = NULL;
	env->nwaits--;
}

void
dbenv_notify(struct dbenv *env)
{
	struct dbenv_wait	*w;
	uint64_t		 n;

	while (read(env->evfd, &n, sizeof(n)) == -1 && errno == EINTR)
		;
	dbenv_lines(env);
	if (is_lost(env) && !env->fatal_sent) {
		env->fatal_sent = 1;
		if (env->conf.fatal != NULL)
			env->conf.fatal(env->conf.arg, env->lost);
		abort();
	}
	n = env->flushed;
	while ((w = env->waits) != NULL && w->seq <= n) {
		dbenv_unwait(env, w);
		w->done(w, 0);
	}
	dbenv_job_ends(env);
	dbenv_backup_end(env);
}

/*
 * Why nothing can be taken: a file system that became read-only, as Linux makes
 * one after an error; files that somebody removed, and what is written to them
 * goes with the process; a disk near full.  NULL when it can be.
 */
static const char *
unwritable(const struct dbenv *env, const struct statvfs *sv)
{
	struct stat	 sb;

	if ((sv->f_flag & ST_RDONLY) != 0)
		return ("its file system is read-only");
	if (env->started && fstatat(env->dirfd, SCHEMA_NAME ".db", &sb, 0) ==
	    -1 && errno == ENOENT)
		return ("its files were removed");
	/* file systems that count no inodes say 0 of 0 */
	if (env->st.free_octets < env->st.need_octets ||
	    (sv->f_files != 0 && sv->f_favail <= 64))
		return ("disk near full");
	return (NULL);
}

/*
 * Room for what a group may still need: two log files, the pages that the
 * cache has to write, and a margin.
 */
void
dbenv_space_check(struct dbenv *env)
{
	struct timespec	 now;
	struct statvfs	 sv;
	const char	*why;
	int64_t		 ms;
	int		 was = env->st.writable;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	ms = (now.tv_sec - env->checked.tv_sec) * 1000 +
	    (now.tv_nsec - env->checked.tv_nsec) / 1000000;
	if (env->checked.tv_sec != 0 && ms < TICK_MS)
		return;
	env->checked = now;
	if (fstatvfs(env->dirfd, &sv) == -1) {
		env->st.writable = 0;
		return;
	}
	env->st.free_octets = (uint64_t)sv.f_bavail * sv.f_frsize;
	env->st.need_octets = 2ULL * env->conf.log_file + env->dirty +
	    env->conf.margin;
	why = unwritable(env, &sv);
	env->st.writable = why == NULL;
	if (was && why != NULL)
		dbenv_line(env, DBENV_LOG_ERR, "%s: %s, %llu MiB left: taking "
		    "no more", env->home, why,
		    (unsigned long long)env->st.free_octets >> 20);
	else if (!was && why == NULL && env->started)
		dbenv_line(env, DBENV_LOG_INFO, "%s: writes are taken again",
		    env->home);
}

int
dbenv_writable(struct dbenv *env)
{
	dbenv_space_check(env);
	return (env->st.writable);
}

void
dbenv_stats(struct dbenv *env, struct dbenv_stats *st)
{
	DB_MPOOL_STAT	*mp;

	dbenv_space_check(env);
	pthread_mutex_lock(&env->mtx);
	*st = env->st;
	st->jobs = env->njobs;
	pthread_mutex_unlock(&env->mtx);
	st->waiting = env->nwaits;
	st->cache_octets = env->conf.cache;
	st->dirty_octets = env->dirty;
	if (env->e->memp_stat(env->e, &mp, NULL, 0) == 0) {
		st->hits = mp->st_cache_hit;
		st->misses = mp->st_cache_miss;
		free(mp);
	}
}
