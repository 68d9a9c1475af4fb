/*
 * After a salvage: records of bodies and bodies agree again.  Who refers to them
 * says how often, body_set_refs().
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "body_int.h"

#define GROUP	500		/* records in one transaction */

struct repair {
	struct body	*b;
	unsigned	 n;		/* in the open group */
};

static int	 put(struct repair *, uint64_t, const struct body_info *);

static int
group_end(struct repair *r)
{
	if (r->n == 0)
		return (0);
	r->n = 0;
	if (dbenv_commit(r->b->env) == -1)
		return (-1);
	return (dbenv_turn_end(r->b->env));
}

static int
group(struct repair *r)
{
	if (r->n >= GROUP && group_end(r) == -1)
		return (-1);
	return (r->n++ == 0 ? dbenv_begin(r->b->env) : 0);
}

static int
put(struct repair *r, uint64_t id, const struct body_info *info)
{
	if (group(r) == -1)
		return (-1);
	return (body_put_ref(r->b, id, info, 0));
}

/* A small one without a record gets one. */
static int
small(struct repair *r)
{
	struct body_info	 info, have;
	struct dbenv_iter	 it;
	struct span		 key, val;
	uint64_t		 id;
	int			 rc;

	dbenv_iter_init(&it, r->b->values, span_of("", 0), span_of("", 0));
	while ((rc = dbenv_iter_next(&it, &key, &val)) == 1) {
		if (span_get_u64(&key, &id) == -1 || id == 0 ||
		    body_stat(r->b, id, &have) == 0)
			continue;
		info.big = 0;
		info.size = val.n;
		info.crc = crc32c(0, val.p, val.n);
		info.refs = 1;
		if ((rc = put(r, id, &info)) == -1)
			break;
	}
	dbenv_iter_free(&it);
	return (rc == -1 ? -1 : 0);
}

/* So does a file. */
static int
file(void *arg, int dir, const char *name, uint64_t id, int tmp)
{
	struct repair		*r = arg;
	struct body_info	 info = { .big = 1, .refs = 1 }, have;
	uint8_t			*room;
	ssize_t			 n;
	int			 fd;

	(void)dir;
	(void)name;
	if (tmp || body_stat(r->b, id, &have) == 0)
		return (0);
	if ((fd = body_open_big(r->b, id)) == -1)
		return (errno);
	if ((room = malloc(BODY_SLICE)) == NULL) {
		close(fd);
		return (ENOMEM);
	}
	while ((n = body_pread(fd, room, BODY_SLICE, info.size)) > 0) {
		info.crc = crc32c(info.crc, room, (size_t)n);
		info.size += (uint64_t)n;
	}
	free(room);
	close(fd);
	return (n == -1 || put(r, id, &info) == -1 ? errno : 0);
}

/* A record without its body goes. */
static int
records(struct repair *r)
{
	struct body_info	 info;
	struct span		 val;
	uint8_t			 key[8];
	uint64_t		 id = 0;
	int			 fd, there;

	while (body_next(r->b, id, &id) == 0) {
		body_key(key, id);
		if (id == 0)
			break;
		if (body_stat(r->b, id, &info) == -1)
			there = 0;
		else if (info.big) {
			fd = body_open_big(r->b, id);
			if ((there = fd != -1) != 0)
				close(fd);
		} else
			there = dbenv_get(r->b->values, span_of(key, 8),
			    &val) == 0 && val.n == info.size;
		if (!there && (group(r) == -1 ||
		    dbenv_del(r->b->refs, span_of(key, 8)) == -1))
			return (-1);
	}
	return (errno == ENOENT ? 0 : -1);
}

int
body_repair(struct body *b)
{
	struct repair	 r = { .b = b };
	unsigned	 i;
	int		 e;

	if (small(&r) == -1)
		return (-1);
	for (i = 0; i < BIG_DIRS; i++)
		if ((e = body_walk(b->bigfd, i, file, &r)) != 0) {
			errno = e;
			return (-1);
		}
	if (records(&r) == -1)
		return (-1);
	return (group_end(&r));
}

int
body_set_refs(struct body *b, uint64_t id, uint32_t n)
{
	struct body_info	 info;

	if (body_stat(b, id, &info) == -1)
		return (-1);
	if (info.refs == n)
		return (0);
	info.refs = n == 0 ? 1 : n;
	if (body_put_ref(b, id, &info, 0) == -1)
		return (-1);
	return (n == 0 ? body_unref(b, id) : 0);
}
