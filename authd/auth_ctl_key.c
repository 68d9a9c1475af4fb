/*
 * letterctl's requests about public keys of clients.  letterctl takes a
 * certificate apart; what it sends is checked here as if it came from anybody.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "authd/auth_ctl.h"
#include "log.h"

static void	 key_add(struct ctl *);
static void	 key_list(struct ctl *);
static void	 key_show(struct ctl *);
static void	 key_remove(struct ctl *);
static void	 key_update(struct ctl *);
static int	 key_named(struct ctl *, struct span, struct tlskey *);
static int	 key_name(struct ctl *, struct span, struct tlskey *);
static int	 key_address(struct ctl *, struct span, struct tlskey *);
static int	 key_preauth(struct ctl *, struct span, struct tlskey *);
static void	 base64_member(struct json_object *, const char *,
		    struct span);
static struct json_object	*describe(const struct tlskey *);
static void	 end_key(struct ctl *, const char *);

const struct ctl_verb	 ctl_keys[] = {
	{ "tlspubkey add", 5, 5, "ADDRESS NAME yes|no KEY CERTIFICATE",
	  key_add, NULL },
	{ "tlspubkey list", 0, 1, "[ACCOUNT]", key_list, NULL },
	{ "tlspubkey show", 1, 1, "FINGERPRINT", key_show, NULL },
	{ "tlspubkey remove", 1, 1, "FINGERPRINT", key_remove, NULL },
	{ "tlspubkey update", 4, 4, "FINGERPRINT NAME ADDRESS yes|no",
	  key_update, NULL },
};
const size_t	 ctl_nkeys = nitems(ctl_keys);

/* ---- arguments ---------------------------------------------------------------- */

/* Its key and account; -1: answered. */
static int
key_named(struct ctl *q, struct span s, struct tlskey *k)
{
	uint8_t	 id[TLSKEY_ID];

	if (tlskey_parse(s, id) == -1) {
		ctl_error(q, "%s: a fingerprint is %d letters, digits, - "
		    "and _", log_esc(s), TLSKEY_TEXT);
		return (-1);
	}
	if (tlskey_get(&auth.db, id, k) == 0 &&
	    userdb_get(&auth.db, k->account, &q->account) == 0) {
		memcpy(q->key, id, sizeof(q->key));
		return (0);
	}
	if (errno == ENOENT)
		ctl_error(q, "no key %s", log_esc(s));
	else
		ctl_error(q, "keys cannot be read: %s",
		    dbenv_error(auth.db.env));
	return (-1);
}

static int
key_name(struct ctl *q, struct span s, struct tlskey *k)
{
	struct buf	 b = { .max = TLSKEY_NAME };
	size_t		 i;
	int		 rc;

	for (i = 0; i < s.n && s.p[i] >= 0x20 && s.p[i] != 0x7f; i++)
		continue;
	rc = i < s.n || s.n == 0 ? -1 : canon_text(s, 0, &b);
	if (rc == -1)
		ctl_error(q, "a name is 1 to %d octets of printable text",
		    TLSKEY_NAME);
	else {
		memset(k->name, 0, sizeof(k->name));
		memcpy(k->name, b.p, b.n);
	}
	buf_free(&b);
	return (rc);
}

/* With which account it is, into q->account. */
static int
key_address(struct ctl *q, struct span s, struct tlskey *k)
{
	struct canon	 c;
	int		 rc;

	if (canon_address(s, 0, &c) == -1) {
		ctl_error(q, "%s: not an address", log_esc(s));
		return (-1);
	}
	if ((rc = account_of(&c, 1, &q->account)) == 0) {
		memcpy(k->address, c.text, sizeof(k->address));
		return (0);
	}
	if (rc == 1)
		ctl_error(q, "%s is no address of an account", log_esc(s));
	else
		ctl_error(q, "accounts cannot be read: %s",
		    dbenv_error(auth.db.env));
	return (-1);
}

static int
key_preauth(struct ctl *q, struct span s, struct tlskey *k)
{
	if (!span_eqs(s, "yes") && !span_eqs(s, "no")) {
		ctl_error(q, "IMAP may begin with PREAUTH: yes or no");
		return (-1);
	}
	k->no_preauth = span_eqs(s, "no");
	return (0);
}

int
ctl_key_uses(struct ctl *q, const struct canon *c, int adding)
{
	struct account	 whose = q->account;
	struct tlskey	 k;
	uint8_t		 id[TLSKEY_ID] = { 0 };
	uint64_t	 exact;
	char		 text[TLSKEY_TEXT + 1];
	int		 rc, uses;

	if (adding && (c->nlocal == 0 || account_of(c, 1, &whose) != 0 ||
	    whose.id == q->account.id))
		return (0);
	while ((rc = tlskey_next_of(&auth.db, whose.id, id, &k)) == 0) {
		uses = strcmp(k.address, c->text) == 0 ||
		    (c->nlocal == 0 && span_eqs(canon_host(c),
		    strrchr(k.address, '@') + 1) && userdb_address(&auth.db,
		    span_str(k.address), &exact) == -1);
		if (uses)
			break;
		memcpy(id, k.id, sizeof(id));
		if (tlskey_step(id) == -1)
			return (0);
	}
	if (rc == 0)
		ctl_error(q, "the key %s (%s) logs in to account %s as %s: "
		    "remove it, or give it another address, first",
		    tlskey_text(k.id, text), log_escs(k.name), whose.name,
		    k.address);
	else if (errno != ENOENT)
		ctl_error(q, "keys cannot be read: %s",
		    dbenv_error(auth.db.env));
	return (rc == -1 && errno == ENOENT ? 0 : -1);
}

/* ---- changes --------------------------------------------------------------------- */

static void
key_add(struct ctl *q)
{
	struct tlskey	 k = { 0 }, old;
	const char	*why;
	char		 text[TLSKEY_TEXT + 1];
	int		 rc;

	if (ctl_room(q) == -1 || key_preauth(q, q->args[2], &k) == -1 ||
	    key_name(q, q->args[1], &k) == -1 ||
	    key_address(q, q->args[0], &k) == -1)
		return;
	if (tlskey_read(q->args[3], &k, &why) == -1) {
		ctl_error(q, "this cannot be a key of a client: %s", why);
		return;
	}
	if (q->args[4].n > TLSKEY_CERT) {
		ctl_error(q, "the certificate is too large");
		return;
	}
	tlskey_text(k.id, text);
	if (tlskey_get(&auth.db, k.id, &old) == 0) {
		ctl_error(q, "the key %s (%s) logs in as %s already", text,
		    log_escs(old.name), old.address);
		return;
	}
	if ((rc = tlskey_full(&auth.db, q->account.id)) != 0) {
		ctl_error(q, "account %s %s", q->account.name, rc == 1 ?
		    "has too many keys" : "cannot be read");
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	k.account = q->account.id;
	k.created = (uint64_t)time(NULL);
	buf_addf(&q->text, "%s: %s key \"%s\" of account %s, logs in as %s%s",
	    text, k.type, log_escs(k.name), q->account.name, k.address,
	    k.no_preauth ? ", not by PREAUTH" : "");
	ctl_commit(q, tlskey_add(&auth.db, &k, q->args[4]), NULL);
}

static void
end_key(struct ctl *q, const char *why)
{
	struct msg_end_sessions	 e = { .account = q->account.id,
				    .key = span_of(q->key, sizeof(q->key)),
				    .why = span_str(why) };

	auth_end_sessions(&e);
}

static void
after_remove(struct ctl *q)
{
	end_key(q, "the key that opened this session was removed");
}

static void
key_remove(struct ctl *q)
{
	struct tlskey	 k;
	char		 text[TLSKEY_TEXT + 1];

	if (key_named(q, q->args[0], &k) == -1 || ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "%s: \"%s\" of account %s is removed",
	    tlskey_text(k.id, text), log_escs(k.name), q->account.name);
	ctl_commit(q, tlskey_del(&auth.db, &k), after_remove);
}

static void
after_move(struct ctl *q)
{
	end_key(q, "the key that opened this session has another address");
}

/* What is empty stays as it is. */
static void
key_update(struct ctl *q)
{
	struct tlskey	 k, was;
	char		 text[TLSKEY_TEXT + 1];

	if (key_named(q, q->args[0], &was) == -1)
		return;
	k = was;
	if ((q->args[1].n > 0 && key_name(q, q->args[1], &k) == -1) ||
	    (q->args[2].n > 0 && key_address(q, q->args[2], &k) == -1) ||
	    (q->args[3].n > 0 && key_preauth(q, q->args[3], &k) == -1))
		return;
	if (q->account.id != was.account) {
		ctl_error(q, "%s is an address of account %s; a key stays "
		    "with its account: remove it and add it there", k.address,
		    q->account.name);
		return;
	}
	if (ctl_begin(q) == -1)
		return;
	buf_addf(&q->text, "%s: %s key \"%s\" of account %s, logs in as %s%s",
	    tlskey_text(k.id, text), k.type, log_escs(k.name),
	    q->account.name, k.address,
	    k.no_preauth ? ", not by PREAUTH" : "");
	ctl_commit(q, tlskey_put(&auth.db, &k),
	    strcmp(k.address, was.address) != 0 ? after_move : NULL);
}

/* ---- listings ---------------------------------------------------------------------- */

static struct json_object *
describe(const struct tlskey *k)
{
	struct json_object	*o = json_object_new_object();
	struct account		 a;
	char			 text[TLSKEY_TEXT + 1];

	row_str(o, "fingerprint", span_str(tlskey_text(k->id, text)));
	row_str(o, "type", span_str(k->type));
	row_str(o, "name", span_str(k->name));
	row_str(o, "account", span_str(userdb_get(&auth.db, k->account,
	    &a) == 0 ? a.name : "-"));
	row_str(o, "address", span_str(k->address));
	row_bool(o, "imap_preauth", !k->no_preauth);
	row_num(o, "created_at", k->created);
	return (o);
}

/* The cursor is the fingerprint to go on with. */
static void
key_list(struct ctl *q)
{
	struct tlskey	 k;
	uint8_t		 id[TLSKEY_ID] = { 0 };
	char		 text[TLSKEY_TEXT + 1];
	int		 rc;

	if (q->m.cursor.n > 0 && tlskey_parse(q->m.cursor, id) == -1) {
		ctl_error(q, "malformed cursor");
		return;
	}
	if (q->nargs == 1 && ctl_account(q, q->args[0]) == -1)
		return;
	for (;;) {
		rc = q->nargs == 1 ? tlskey_next_of(&auth.db, q->account.id,
		    id, &k) : tlskey_next(&auth.db, id, &k);
		if (rc == -1)
			break;
		memcpy(id, k.id, sizeof(id));
		if (page_row(&q->page, describe(&k)) == -1) {
			buf_adds(&q->cursor, tlskey_text(k.id, text));
			break;
		}
		if (tlskey_step(id) == -1)
			break;
	}
	if (rc == -1 && errno != ENOENT)
		ctl_error(q, "keys cannot be read: %s",
		    dbenv_error(auth.db.env));
	else
		ctl_done(q);
}

static void
base64_member(struct json_object *o, const char *name, struct span s)
{
	struct buf	 b = { 0 };

	if (buf_add_base64(&b, s) == 0)
		row_str(o, name, span_buf(&b));
	buf_free(&b);
}

static void
key_show(struct ctl *q)
{
	struct json_object	*o;
	struct buf		 cert = { 0 };
	struct tlskey		 k;

	if (key_named(q, q->args[0], &k) == -1)
		return;
	o = describe(&k);
	base64_member(o, "public_key", span_of(k.spki, k.nspki));
	if (tlskey_cert(&auth.db, k.id, &cert) == 0)
		base64_member(o, "certificate", span_buf(&cert));
	buf_free(&cert);
	(void)page_row(&q->page, o);
	ctl_done(q);
}
