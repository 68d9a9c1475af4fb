/*
 * Berkeley DB's locks.  All is written by one thread, so nothing of it waits;
 * but its own backup opens each database, with a lock on the first page, and is
 * given it as soon as the group ends that has it: in the way of the next.  So no
 * group is open while one is opened.
 *
 *	backup's thread			loop
 *	dbenv_gate_shut(): waits for	dbenv_gate_in(): waits for
 *	the open group's end		dbenv_gate_open()
 *	opens a database
 *	dbenv_gate_open()
 *
 * And if a lock is in the way all the same: who has it.
 */
#include <stdio.h>
#include <string.h>

#include "dbenv_int.h"

#define TELL_S		60	/* between two times */
#define TELL_LINES	16

static void	 on_lock(const DB_ENV *, const char *);

/* From the backup's thread. */
void
dbenv_gate_shut(struct dbenv *env)
{
	pthread_mutex_lock(&env->mtx);
	env->shut = 1;
	while (env->inside)
		pthread_cond_wait(&env->gate_cond, &env->mtx);
	pthread_mutex_unlock(&env->mtx);
}

void
dbenv_gate_open(struct dbenv *env)
{
	pthread_mutex_lock(&env->mtx);
	env->shut = 0;
	pthread_cond_broadcast(&env->gate_cond);
	pthread_mutex_unlock(&env->mtx);
}

/* A group begins.  Either this sees "shut", or who shuts sees "inside". */
void
dbenv_gate_in(struct dbenv *env)
{
	env->inside = 1;
	if (!env->shut)
		return;
	pthread_mutex_lock(&env->mtx);
	while (env->shut) {
		env->inside = 0;
		pthread_cond_broadcast(&env->gate_cond);
		pthread_cond_wait(&env->gate_cond, &env->mtx);
	}
	env->inside = 1;
	pthread_mutex_unlock(&env->mtx);
}

/* It has ended. */
void
dbenv_gate_out(struct dbenv *env)
{
	env->inside = 0;
	if (!env->shut)
		return;
	pthread_mutex_lock(&env->mtx);
	pthread_cond_broadcast(&env->gate_cond);
	pthread_mutex_unlock(&env->mtx);
}

/*
 * A line of Berkeley DB's list: "80000004 WRITE 4 HELD a.db page 1".  Those of
 * the open group, and of handles, are in nobody's way.
 */
static void
on_lock(const DB_ENV *e, const char *text)
{
	struct dbenv	*env = e->app_private;
	unsigned int	 id;

	if (env->lock_lines >= TELL_LINES || strstr(text, " handle ") != NULL ||
	    (strstr(text, " HELD ") == NULL && strstr(text, " WAIT") == NULL) ||
	    sscanf(text, "%x", &id) != 1 ||
	    (env->top != NULL && id == env->top->id(env->top)) ||
	    (env->cmd != NULL && id == env->cmd->id(env->cmd)))
		return;
	env->lock_lines++;
	dbenv_line(env, DBENV_LOG_ERR, "%s: lock: %s", env->home, text);
}

void
dbenv_tell_locks(struct dbenv *env)
{
	struct timespec	 now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (env->locks_told != 0 && now.tv_sec - env->locks_told < TELL_S)
		return;
	env->locks_told = now.tv_sec;
	env->lock_lines = 0;
	dbenv_line(env, DBENV_LOG_ERR, "%s: a lock is in the way%s", env->home,
	    env->backup != NULL ? ", a backup is under way" : "");
	env->e->set_msgcall(env->e, on_lock);
	(void)env->e->lock_stat_print(env->e, DB_STAT_LOCK_OBJECTS);
	env->e->set_msgcall(env->e, NULL);
}
