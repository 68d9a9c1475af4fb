/*
 * Routes of accounts lead somewhere: a configuration without a transport that
 * one of them names is not taken, so that nothing is found out at delivery.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "authd/auth.h"
#include "log.h"

/* Does the line name a transport that is there? */
static int
leads(const struct conf *c, struct span line, struct buf *name)
{
	struct conf_route	 r;
	struct buf		 why = { 0 };
	int			 is;

	if (conf_route_parse(line, &r, &why) == -1) {
		buf_free(&why);		/* of another version, perhaps */
		return (1);
	}
	is = strcasecmp(r.transport, "default") == 0 ||
	    conf_transport(c, r.transport) != NULL;
	if (!is)
		buf_adds(name, r.transport);
	codec_free(&c_conf_route, &r);
	return (is);
}

static void
tell(struct buf *why, uint64_t id, const char *transport, unsigned number)
{
	struct account	 a;

	if (userdb_get(&auth.db, id, &a) == -1)
		memset(&a, 0, sizeof(a));
	buf_addf(why, "account %s has a route to transport \"%s\", which would "
	    "be gone: letterctl account route remove %s %u", a.name,
	    transport, a.name, number);
}

int
account_routes_check(const struct conf *c, struct buf *why)
{
	struct dbenv_iter	 it;
	struct span		 none = { 0 }, key, val, line;
	struct buf		 name = { 0 };
	unsigned		 n;
	int			 rc = 0, got;

	dbenv_iter_init(&it, auth.db.route, none, none);
	while (rc == 0 && (got = dbenv_iter_next(&it, &key, &val)) != 0) {
		if (got == -1 && errno != EILSEQ) {
			buf_addf(why, "routes of accounts: %s",
			    dbenv_error(auth.db.env));
			rc = -1;
		}
		for (n = 1; got == 1 && rc == 0 && val.n > 0; n++) {
			(void)span_split(&val, '\n', &line);
			if (!leads(c, line, &name)) {
				tell(why, unkey64(key), buf_cstr(&name), n);
				rc = -1;
			}
		}
	}
	dbenv_iter_free(&it);
	buf_free(&name);
	return (rc);
}
