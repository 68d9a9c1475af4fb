/*
 * Secrets for logging in to other servers: the database and letterctl's
 * commands.  What is here leaves this process only where a mechanism sends a
 * password as it is.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "authd/auth_ctl.h"
#include "authd/auth_secret.h"
#include "log.h"

struct rec_secret {
	uint64_t	 created;
	struct span	 user, password;
};

static const struct field f_secret[] = {
	F_U64(rec_secret, created), F_STR(rec_secret, user, SECRET_TEXT),
	F_STR(rec_secret, password, SECRET_TEXT),
};
static const struct codec c_rec_secret = CODEC(rec_secret, f_secret);

static void	 secret_set(struct ctl *);
static void	 secret_list(struct ctl *);
static void	 secret_remove(struct ctl *);
static void	 secret_relax(struct ctl *);
static int	 used_by(const struct conf_transport *, struct span);
static struct json_object	*row(struct span, const struct rec_secret *);

const struct ctl_verb	 ctl_secrets[] = {
	{ "secret set", 3, 3, "NAME USER", secret_set, NULL },
	{ "secret list", 0, 0, "", secret_list, NULL },
	{ "secret remove", 1, 1, "NAME", secret_remove, NULL },
	{ "secret relax", 1, 1, "TRANSPORT", secret_relax, NULL },
};
const size_t	 ctl_nsecrets = nitems(ctl_secrets);

/* ---- the database ----------------------------------------------------------- */

int
secret_get(struct userdb *u, struct span name, struct secret *s)
{
	struct rec_secret	 r;
	struct span		 val;

	memset(s, 0, sizeof(*s));
	if (dbenv_get(u->secrets, name, &val) == -1)
		return (-1);
	if (codec_get(&val, &c_rec_secret, &r) == -1 || val.n != 0) {
		errno = EILSEQ;
		return (-1);
	}
	s->created = r.created;
	if (buf_add_span(&s->user, r.user) == 0 &&
	    buf_add_span(&s->password, r.password) == 0)
		return (0);
	secret_wipe(s);
	errno = ENOMEM;
	return (-1);
}

void
secret_wipe(struct secret *s)
{
	buf_freezero(&s->user);
	buf_freezero(&s->password);
}

/* Names of transports do not differ in case alone. */
static struct span
floor_key(const char *transport, char key[SECRET_NAME + 1])
{
	size_t	 i;

	for (i = 0; i < SECRET_NAME && transport[i] != '\0'; i++)
		key[i] = (char)tolower((unsigned char)transport[i]);
	return (span_of(key, i));
}

enum sasl_mech
secret_floor(struct userdb *u, const char *transport)
{
	char		 key[SECRET_NAME + 1];
	struct span	 val;
	enum sasl_mech	 m;

	if (dbenv_get(u->floors, floor_key(transport, key), &val) == -1)
		return (SASL_MECHS);
	m = sasl_mech_by_name(val);
	return (m);
}

int
secret_set_floor(struct userdb *u, const char *transport, enum sasl_mech m)
{
	char	 key[SECRET_NAME + 1];

	return (dbenv_put(u->floors, floor_key(transport, key),
	    span_str(sasl_mech_names[m])));
}

/* ---- letterctl --------------------------------------------------------------- */

/* As in a configuration file, without what would look strange in a list. */
static int
name_ok(struct span s)
{
	size_t	 i;

	for (i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 || s.p[i] == 0x7f)
			return (0);
	return (s.n > 0 && s.n <= SECRET_NAME);
}

static int
used_by(const struct conf_transport *t, struct span name)
{
	return (t->auth[0] != '\0' && span_eqs(name, t->auth));
}

/* A new secret: what was known about how to log in goes with the old one. */
static void
secret_set(struct ctl *q)
{
	struct rec_secret	 r = { .created = (uint64_t)time(NULL),
				    .user = q->args[1],
				    .password = q->args[2] };
	struct buf		 b = { 0 };
	char			 key[SECRET_NAME + 1];
	int			 rc, used = 0;

	if (!name_ok(q->args[0]) || r.user.n == 0 || r.user.n > SECRET_TEXT ||
	    r.password.n == 0 || r.password.n > SECRET_TEXT) {
		ctl_error(q, "a name has 1 to %d printable octets, user and "
		    "password 1 to %d octets", SECRET_NAME, SECRET_TEXT);
		return;
	}
	if (ctl_room(q) == -1 || ctl_begin(q) == -1)
		return;
	rc = codec_put(&b, &c_rec_secret, &r);
	if (rc == 0)
		rc = dbenv_put(auth.db.secrets, q->args[0], span_buf(&b));
	buf_freezero(&b);
	CONF_EACH(const struct conf_transport, t, &proc_conf()->transports) {
		if (!used_by(t, q->args[0]))
			continue;
		used = 1;
		if (rc == 0 && dbenv_del(auth.db.floors, floor_key(t->name,
		    key)) == -1 && errno != ENOENT)
			rc = -1;
	}
	buf_addf(&q->text, "secret %s set%s", log_esc(q->args[0]),
	    used ? "" : "; no transport uses it yet");
	ctl_commit(q, rc, NULL);
}

static struct json_object *
row(struct span name, const struct rec_secret *r)
{
	struct json_object	*o = json_object_new_object(), *v, *w;
	enum sasl_mech		 floor;

	row_str(o, "name", name);
	row_str(o, "user", r->user);
	row_num(o, "created_at", r->created);
	v = json_object_new_array();
	w = json_object_new_array();
	CONF_EACH(const struct conf_transport, t, &proc_conf()->transports) {
		if (!used_by(t, name))
			continue;
		json_object_array_add(v, json_object_new_string(t->name));
		floor = secret_floor(&auth.db, t->name);
		json_object_array_add(w, json_object_new_string(
		    floor == SASL_MECHS ? "-" : sasl_mech_names[floor]));
	}
	json_object_object_add(o, "transports", v);
	json_object_object_add(o, "strongest", w);
	return (o);
}

/* Everything but what is secret.  The cursor is the name to go on with. */
static void
secret_list(struct ctl *q)
{
	struct rec_secret	 r;
	struct dbenv_iter	 it;
	struct span		 none = { 0 }, k, v;
	int			 rc;

	dbenv_iter_init(&it, auth.db.secrets, q->m.cursor, none);
	while ((rc = dbenv_iter_next(&it, &k, &v)) == 1) {
		if (codec_get(&v, &c_rec_secret, &r) == 0 &&
		    page_row(&q->page, row(k, &r)) == -1) {
			buf_add_span(&q->cursor, k);
			break;
		}
	}
	dbenv_iter_free(&it);
	if (rc == -1)
		ctl_error(q, "secrets cannot be read: %s",
		    dbenv_error(auth.db.env));
	else
		ctl_done(q);
}

static void
secret_remove(struct ctl *q)
{
	int	 rc;

	CONF_EACH(const struct conf_transport, t, &proc_conf()->transports)
		if (used_by(t, q->args[0])) {
			ctl_error(q, "transport %s uses it (%s)", t->name,
			    t->where);
			return;
		}
	if (ctl_begin(q) == -1)
		return;
	rc = dbenv_del(auth.db.secrets, q->args[0]);
	if (rc == -1 && errno == ENOENT) {
		dbenv_abort(auth.db.env);
		ctl_error(q, "no secret %s", log_esc(q->args[0]));
		return;
	}
	buf_addf(&q->text, "secret %s removed", log_esc(q->args[0]));
	ctl_commit(q, rc, NULL);
}

/* The server lost a mechanism for good: let weaker ones in again. */
static void
secret_relax(struct ctl *q)
{
	char	*name = span_dup(q->args[0]);
	char	 key[SECRET_NAME + 1];
	int	 rc;

	if (name == NULL || conf_transport(proc_conf(), name) == NULL) {
		ctl_error(q, "no transport %s", log_esc(q->args[0]));
		free(name);
		return;
	}
	if (ctl_begin(q) == -1) {
		free(name);
		return;
	}
	rc = dbenv_del(auth.db.floors, floor_key(name, key));
	if (rc == -1 && errno == ENOENT)
		rc = 0;
	buf_addf(&q->text, "transport %s may log in by any mechanism that it "
	    "has, once more", log_escs(name));
	ctl_commit(q, rc, NULL);
	free(name);
}
