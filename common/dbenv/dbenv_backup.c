/*
 * A copy of a running environment, by Berkeley DB's own hot backup, handed out
 * through the caller's functions.  Between two files it opens the next database:
 * see dbenv_locks.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbenv_int.h"

static struct dbenv_backup *
backup_of(DB_ENV *e)
{
	return (((struct dbenv *)e->app_private)->backup);
}

static int
on_open(DB_ENV *e, const char *name, const char *target, void **handle)
{
	struct dbenv_backup	*bk = backup_of(e);

	(void)target;
	*handle = bk;
	dbenv_gate_open(bk->env);
	return (bk->open(bk, name));
}

static int
on_write(DB_ENV *e, u_int32_t gb, u_int32_t off, u_int32_t n, u_int8_t *p,
    void *handle)
{
	struct dbenv_backup	*bk = handle;

	(void)e;
	return (bk->write(bk, ((uint64_t)gb << 30) + off, p, n));
}

static int
on_close(DB_ENV *e, const char *name, void *handle)
{
	struct dbenv_backup	*bk = handle;
	int			 r;

	(void)e;
	r = bk->close(bk, name);
	dbenv_gate_shut(bk->env);
	return (r);
}

static void *
backup(void *arg)
{
	struct dbenv		*env = arg;
	struct dbenv_backup	*bk = env->backup;
	int			 r;

	/* the target's name is only handed to on_open() */
	dbenv_gate_shut(env);
	r = env->e->backup(env->e, ".", DB_BACKUP_SINGLE_DIR);
	dbenv_gate_open(env);
	if (r == 0)
		r = bk->open(bk, RESTORED_NAME);
	if (r == 0)
		r = bk->close(bk, RESTORED_NAME);
	if (r == 0 && bk->more != NULL)
		r = bk->more(bk);
	bk->error = r == 0 ? 0 : dbenv_errno(r);
	pthread_mutex_lock(&env->mtx);
	env->backup_ended = 1;
	pthread_mutex_unlock(&env->mtx);
	dbenv_wake(env);
	return (NULL);
}

int
dbenv_backup(struct dbenv *env, struct dbenv_backup *bk)
{
	int	 r;

	if (env->backup != NULL)
		return (dbenv_fail(env, EBUSY, "backup"));
	if ((r = env->e->set_backup_callbacks(env->e, on_open, on_write,
	    on_close)) != 0)
		return (dbenv_fail(env, dbenv_errno(r), "backup"));
	pthread_mutex_lock(&env->arch_mtx);
	env->backing_up = 1;
	pthread_mutex_unlock(&env->arch_mtx);
	bk->env = env;
	bk->error = 0;
	env->backup = bk;
	env->backup_ended = 0;
	if ((r = dbenv_thread(env, &env->backup_thread, backup)) != 0) {
		env->backup = NULL;
		env->backing_up = 0;
		return (dbenv_fail(env, r, "backup: thread"));
	}
	return (0);
}

int
dbenv_backing_up(const struct dbenv *env)
{
	return (env->backup != NULL);
}

/* Called by the loop: has the thread ended?  dbenv_close() waits for it. */
void
dbenv_backup_end(struct dbenv *env)
{
	struct dbenv_backup	*bk = env->backup;
	int			 ended;

	if (bk == NULL)
		return;
	pthread_mutex_lock(&env->mtx);
	ended = env->backup_ended || env->stop;
	pthread_mutex_unlock(&env->mtx);
	if (!ended)
		return;
	pthread_join(env->backup_thread, NULL);
	env->backup = NULL;
	env->backing_up = 0;
	bk->done(bk, bk->error);
}
