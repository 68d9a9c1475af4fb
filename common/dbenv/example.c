/*
 * An environment with a counter: a command that is kept, one that is undone,
 * and what is there after the owner opens it again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbenv.h"

static void
on_disk(struct dbenv_wait *w, int error)
{
	(void)w;
	printf("group on disk: %s\n", error == 0 ? "yes" : strerror(error));
}

static void
show(struct dbenv_db *db, const char *name)
{
	struct span	 v;

	if (dbenv_get(db, span_str(name), &v) == 0)
		printf("%s = %.*s\n", name, (int)v.n, (const char *)v.p);
	else
		printf("%s is not there\n", name);
}

int
main(void)
{
	struct dbenv_wait	 w = { .done = on_disk };
	struct dbenv_conf	 conf = { .home = "./env" };
	char			 dir[] = "/tmp/dbenv-example.XXXXXX";
	struct dbenv		*env;
	struct dbenv_db		*db;
	struct buf		 why = { 0 };

	if (mkdtemp(dir) == NULL || chdir(dir) == -1)
		return (1);
	if (dbenv_open(&conf, &env, &why) == -1 ||
	    (db = dbenv_db(env, "counter", 0)) == NULL) {
		printf("%s\n", buf_cstr(&why));
		return (1);
	}
	dbenv_begin(env);
	dbenv_put(db, span_str("messages"), span_str("1"));
	dbenv_commit(env);

	dbenv_begin(env);
	dbenv_put(db, span_str("messages"), span_str("2"));
	dbenv_abort(env);

	if (dbenv_wait(env, dbenv_seq(env), &w) == 1)
		printf("it was on disk already\n");
	dbenv_turn_end(env);		/* commits, and here flushes too */
	dbenv_notify(env);
	show(db, "messages");
	dbenv_close(env);

	if (dbenv_open(&conf, &env, &why) == -1 ||
	    (db = dbenv_db(env, "counter", 0)) == NULL)
		return (1);
	show(db, "messages");
	show(db, "bytes");
	dbenv_close(env);
	buf_free(&why);
	fflush(stdout);
	return (chdir("/") == -1 || execlp("rm", "rm", "-r", dir,
	    (char *)NULL) == -1);
}
