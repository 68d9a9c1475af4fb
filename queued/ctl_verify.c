/*
 * letterctl verify: the pages of every database, then the records, in slices,
 * then the bodies, one after the other.  The cursor says where: "database:key",
 * "body/" with an id.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queued/ctl.h"

#define SLICE		2000	/* records at a time */
#define BAD_MAX		90	/* reported of one slice */

static void	 on_bad(struct dbenv_verify *, const char *, uint32_t,
		    struct span);
static void	 on_pages(struct dbenv_verify *, int);
static void	 bad_rows(struct ctl *);
static void	 records(struct ctl *);
static void	 bodies(struct ctl *);
static void	 on_body(struct body_check *, int);

/* Pages: by a helper thread, which touches c->bad alone. */
static void
on_bad(struct dbenv_verify *v, const char *db, uint32_t page, struct span key)
{
	struct ctl	*c = v->arg;

	if (v->nbad > BAD_MAX)
		return;
	buf_addf(&c->bad, "%s %u ", db, page);
	buf_add_hex(&c->bad, key);
	buf_addc(&c->bad, '\n');
}

static void
bad_row(struct ctl *c, struct span db, struct span page, struct span key,
    const char *problem)
{
	struct json_object	*o = json_object_new_object();
	uint64_t		 number;

	if (o == NULL)
		return;
	row_str(o, "environment", span_str("queue"));
	row_str(o, "database", db);
	if (span_num(page, UINT32_MAX, &number) == 0 && number != 0)
		row_num(o, "page", number);
	row_str(o, "key", key);
	row_str(o, "problem", span_str(problem));
	(void)page_row(&c->page, o);
}

static void
bad_rows(struct ctl *c)
{
	struct span	 s = span_buf(&c->bad), line, db, page;

	while (s.n > 0) {
		span_split(&s, '\n', &line);
		span_split(&line, ' ', &db);
		span_split(&line, ' ', &page);
		bad_row(c, db, page, line, line.n == 0 ?
		    "page checksum" : "record checksum");
	}
}

static void
on_pages(struct dbenv_verify *v, int error)
{
	struct ctl	*c = v->arg;

	if (error != 0) {
		ctl_error(c, "queue: %s", strerror(error));
		return;
	}
	bad_rows(c);
	if (v->nbad > 0) {
		buf_addf(&c->text, "queue: %llu bad; records are not read, "
		    "since that would end the process",
		    (unsigned long long)v->nbad);
		ctl_done(c);
		return;
	}
	buf_addf(&c->cursor, "%s:",
	    dbenv_db_name(dbenv_db_next(q.env, NULL)));
	ctl_done(c);
}

static void
records(struct ctl *c)
{
	struct dbenv_db	*db = NULL;
	struct span	 key = c->m.cursor, name;
	struct buf	 from = { 0 };
	int		 rc;

	(void)span_split(&key, ':', &name);
	while ((db = dbenv_db_next(q.env, db)) != NULL)
		if (span_eqs(name, dbenv_db_name(db)))
			break;
	if (db == NULL) {
		ctl_error(c, "malformed cursor");
		return;
	}
	buf_add_span(&from, key);
	rc = dbenv_verify_records(db, &c->verify, &from, SLICE);
	if (rc == -1) {
		buf_free(&from);
		ctl_error(c, "queue: %s", dbenv_error(q.env));
		return;
	}
	bad_rows(c);
	if (rc == 0) {
		buf_reset(&from);
		db = dbenv_db_next(q.env, db);
	}
	if (db != NULL) {
		buf_addf(&c->cursor, "%s:", dbenv_db_name(db));
		buf_add_span(&c->cursor, span_buf(&from));
	} else
		buf_adds(&c->cursor, "body/0");
	buf_free(&from);
	ctl_done(c);
}

/* The next one; its answer is the page. */
static void
bodies(struct ctl *c)
{
	struct span	 s = c->m.cursor;
	uint64_t	 id;

	s.p += 5;
	s.n -= 5;
	if (span_num(s, UINT64_MAX, &id) == -1) {
		ctl_error(c, "malformed cursor");
		return;
	}
	if (body_next(q.bodies, id, &id) == -1) {
		if (errno != ENOENT) {
			ctl_error(c, "queue: %s", dbenv_error(q.env));
			return;
		}
		buf_adds(&c->text, "queue: checked");
		ctl_done(c);
		return;
	}
	c->body = id;
	c->check.done = on_body;
	c->check.arg = c;
	body_check(q.bodies, id, &c->check);
}

static void
on_body(struct body_check *k, int error)
{
	struct ctl	*c = k->arg;
	char		 id[32];

	snprintf(id, sizeof(id), "%llu", (unsigned long long)c->body);
	/* gone meanwhile: delivered */
	if (error != 0 && error != ENOENT)
		bad_row(c, span_str("body"), span_str("0"), span_str(id),
		    strerror(error));
	buf_addf(&c->cursor, "body/%s", id);
	ctl_done(c);
}

void
ctl_verify(struct ctl *c)
{
	c->verify.bad = on_bad;
	c->verify.done = on_pages;
	c->verify.arg = c;
	if (c->m.cursor.n == 0) {
		if (dbenv_verify_pages(q.env, &c->verify) == -1)
			ctl_error(c, "queue: %s", dbenv_error(q.env));
	} else if (c->m.cursor.n > 5 && memcmp(c->m.cursor.p, "body/", 5) == 0)
		bodies(c);
	else
		records(c);
}
