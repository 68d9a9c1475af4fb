/*
 * Looking for damage.  Pages are read from the files, past Berkeley DB, which
 * would panic over the first bad one; records through it, in slices.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dbenv_int.h"
#include "dbenv_page_int.h"

#define TRIES		5	/* a page may be written while it is read */

/* 1 good, 0 bad, -1 with errno; *eof at the end of the file. */
static int
check_page(int fd, uint32_t no, int *sums, int *eof)
{
	const struct timespec	 nap = { 0, 2000000 };
	uint8_t			 page[DBENV_PAGE];
	ssize_t			 n;
	int			 i;

	for (i = 0; i < TRIES; i++) {
		if (i > 0)
			nanosleep(&nap, NULL);
		n = pread(fd, page, sizeof(page), (off_t)no * DBENV_PAGE);
		if (n == -1)
			return (errno == EIO ? 0 : -1);
		if (n == 0) {
			*eof = 1;
			return (1);
		}
		if (n == sizeof(page) && dbenv_page_ok(page, no, sums))
			return (1);
	}
	return (0);
}

static int
check_file(struct dbenv_verify *v, const char *name)
{
	struct buf	 file = { 0 };
	uint32_t	 no;
	int		 fd, ok = 1, sums = 0, eof = 0;

	if (buf_addf(&file, "%s.db", name) == -1)
		return (ENOMEM);
	fd = openat(v->env->dirfd, buf_cstr(&file), O_RDONLY | O_CLOEXEC);
	buf_free(&file);
	if (fd == -1)
		return (errno);
	for (no = 0; ok != -1; no++) {
		ok = check_page(fd, no, &sums, &eof);
		if (eof || ok == -1)
			break;
		v->checked++;
		if (ok)
			continue;
		v->nbad++;
		if (v->bad != NULL)
			v->bad(v, name, no, span_of(NULL, 0));
	}
	no = ok == -1 ? (uint32_t)errno : 0;
	close(fd);
	return ((int)no);
}

static void
verify_run(struct dbenv_job *j)
{
	struct dbenv_verify	*v = j->arg;
	struct dbenv_db		*db;

	/* the list of databases does not change after dbenv_start() */
	for (db = v->env->dbs; db != NULL && v->error == 0; db = db->next)
		v->error = check_file(v, db->name);
}

static void
verify_done(struct dbenv_job *j)
{
	struct dbenv_verify	*v = j->arg;

	v->done(v, v->error);
}

int
dbenv_verify_pages(struct dbenv *env, struct dbenv_verify *v)
{
	v->env = env;
	v->error = 0;
	v->checked = v->nbad = 0;
	v->job.run = verify_run;
	v->job.done = verify_done;
	v->job.arg = v;
	dbenv_job(env, &v->job);
	return (0);
}

int
dbenv_verify_records(struct dbenv_db *db, struct dbenv_verify *v,
    struct buf *from, size_t n)
{
	struct dbenv_iter	 it;
	struct span		 key, val;
	int			 r = 1;

	dbenv_iter_init(&it, db, span_buf(from), span_of(NULL, 0));
	while (n-- > 0 && (r = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (r == -1 && (errno != EILSEQ || key.n == 0))
			break;
		v->checked++;
		if (r == -1) {
			v->nbad++;
			if (v->bad != NULL)
				v->bad(v, db->name, 0, key);
		}
		r = 1;
		/* the next slice begins behind this one */
		buf_reset(from);
		if (buf_add_span(from, key) == -1 || buf_addc(from, 0) == -1) {
			r = dbenv_fail(db->env, ENOMEM, "%s", db->name);
			break;
		}
	}
	dbenv_iter_free(&it);
	return (r);
}
